"""Whether columns and answers are distributed as before: three statements, never mixed."""
