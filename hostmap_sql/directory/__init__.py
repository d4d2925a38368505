"""The directory: one DAO for each table, with bulk plans, pagination and row mapping."""
