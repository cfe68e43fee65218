"""How the command-line programs speak: errors on one line, usage errors, and progress."""
