"""What next, and whether it may be done: pure functions of plan and journal."""
