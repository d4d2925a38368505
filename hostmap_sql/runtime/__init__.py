"""What every call rests on, whatever the database: processes, deadlines, DB-API protocols."""
