"""What verbs print: screens, plan text, verdicts, exit codes."""
