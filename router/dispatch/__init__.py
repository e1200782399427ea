"""From rows to an answer: routing table, dispatcher, a lane of batches a version, connections."""
