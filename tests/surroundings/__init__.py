"""Tests in the environments that programs run in: uWSGI, PgBouncer, green threads and others."""
