"""Who may do what at the station: people and service accounts, their roles, and the file that holds them.

Nothing here answers a request or moves anything.
"""
