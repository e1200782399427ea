"""What may happen next: one decision a verb, and the controller's next step."""
