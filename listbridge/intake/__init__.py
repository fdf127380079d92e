"""From the mailbox to a decision: poll, classify, thread, dispatch."""
