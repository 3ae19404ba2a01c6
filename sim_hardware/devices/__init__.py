"""How each device of the cell behaves on its wire, bound to the plant. Nothing here opens a port or knows physics."""
