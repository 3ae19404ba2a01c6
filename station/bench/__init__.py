"""The eyes of the station on files: pictures and ball maps from anywhere, the same vision, answers for people and
programs. It knows no machine."""
