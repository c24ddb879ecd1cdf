"""Did it help: before and after, the forecast beside what came. Pure."""
