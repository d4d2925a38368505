"""Below every call: the watchdog, deadlines, processes, green threads, DB-API protocols."""
