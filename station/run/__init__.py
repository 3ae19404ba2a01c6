"""How the process sheet is carried out: states, runner, recovery, what may overlap. Knows no wire and no pixel."""
