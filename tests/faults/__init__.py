"""Tests of failing networks, servers, files and processes."""
