"""Who may see and do what: tokens, sessions of browsers, and the rules for each area."""
