"""Evidence to facts: zones, ledger, domains, page map, timeline. Pure."""
