"""Who may post what: rules, their order, and what a moderator does."""
