"""What must be true before anything moves: interlocks as data, asked before every command that reaches a device."""
