"""What each errno of MySQL and MariaDB means, from 1000 on the servers', from 2000 the driver's.

What stands in none of the lists is `Fault.UNLISTED`. The two servers have given some numbers above
3000 to different errors; of such a pair one is about a statement that the library never sends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostmap_sql.dialects.base import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

MEANINGS: Mapping[Fault, Mapping[int, str]] = {
    Fault.AGAIN: {
        # The server has rolled back the transaction.
        1213: "deadlock, or a conflict that a cluster found when it certified the commit",
        3101: "a conflict that Group Replication found in the commit",
        1020: "the row has changed since it was read (MariaDB at REPEATABLE READ)",
        1402: "the transaction branch was rolled back",
        1613: "the transaction branch was rolled back: it took too long",
        1614: "the transaction branch was rolled back: deadlock",
        1622: "the storage engine has rolled back the transaction",
        1964: "an earlier commit failed, on which this one depends (MariaDB)",
        # Only the statement failed, and its transaction is still open.
        1028: "the sort was interrupted",
        1205: "lock wait timeout",
        1206: "more locks than the lock table holds",
        1297: "a passing error of the storage engine",
        1317: "the query was killed",
        1412: "the table was altered since the transaction began",
        1615: "the prepared statement has to be prepared again",
        1637: "too many transactions at once",
        1689: "the wait for a lock was ended in favour of an exclusive one",
        1969: "the statement took longer than max_statement_time (MariaDB)",
        3024: "the statement took longer than max_execution_time",
        3058: "deadlock of user-level locks",
        3132: "deadlock of the locking service",
        3133: "timeout of the locking service",
        3177: "the storage engine refused the lock",
        3572: "the row is locked, and NOWAIT was asked for",
        3781: "a new primary was still applying what the old one had committed",
    },
    Fault.RECONNECT: {
        # A node that does not write.
        1036: "the table is read-only, as all are where innodb_read_only is set",
        1207: "no write locks in a READ UNCOMMITTED transaction",
        1290: "the server runs with read_only, super_read_only or the like",
        1792: "the transaction is READ ONLY",
        1836: "the server is in read-only mode",
        1874: "InnoDB is in read-only mode",
        1881: "InnoDB is in forced recovery",
        3989: "the schema is read-only",
        4049: "not on a secondary of Group Replication",
        # A node that is not, or no longer, a member of its cluster, or does not take work.
        1047: "the node of Galera is not ready (otherwise: unknown command)",
        3032: "the server is in offline mode",
        3100: "a hook of replication failed: Group Replication has no quorum",
        3168: "the server is not available",
        3782: "the wait for a new primary was ended",
        3783: "the member of Group Replication is in error",
        3796: "the member is in no state for group_replication_consistency",
        3797: "it failed to wait for what the group committed before",
        3798: "it failed to wait for what the group committed before, to begin",
        6400: "the server is in offline mode, and says why",
        # TiDB
        9001: "TiDB: the placement driver did not answer",
        9002: "TiDB: TiKV did not answer",
        9003: "TiDB: TiKV is busy",
        9004: "TiDB: the lock could not be resolved",
        9005: "TiDB: the region is not available",
    },
    Fault.WAIT: {
        1037: "the server is out of memory",
        1040: "too many connections",
        1041: "the machine is out of memory",
        1042: "the server cannot look up the client's name",
        1043: "the handshake came damaged",
        1129: "the host is blocked after too many failed connections",
        1135: "no new thread can be had",
        1203: "too many connections of this user",
        1226: "the user has used up one of its limits",
        2001: "no socket can be had",
        2002: "nobody listens at the Unix socket",
        2003: "the host cannot be reached, or nobody listens at the port",
        2004: "no TCP socket can be had",
        2005: "unknown host",
        2012: "the server failed in the handshake",
        2070: "the service's name could not be looked up",
        3015: "the storage engine is out of memory",
        3985: "no memory for metadata locks",
    },
    Fault.LOST: {
        0: "the driver's connection was closed before",
        1053: "the server is shutting down",
        1077: "the server has shut down in good order",
        1079: "the server has shut down",
        1152: "the connection was aborted",
        1154: "read error from the connection's pipe",
        1155: "the socket's mode cannot be set",
        1156: "packets out of order",
        1157: "the packet could not be uncompressed",
        1158: "the server could not read from the connection",
        1159: "the server waited too long for a packet",
        1160: "the server could not write to the connection",
        1161: "the server waited too long to write to the connection",
        1180: "error during COMMIT",
        1181: "error during ROLLBACK",
        1184: "the connection was aborted before its user was known",
        1927: "the connection was killed (MariaDB)",
        2006: "the server has gone away",
        2013: "the connection was lost",
        2014: "commands out of order",
        2027: "malformed packet",
        2045: "shared memory: the connection was given up",
        2048: "no such connection",
        2055: "the connection was lost, with the system's error",
        3169: "the session was killed",
        4031: "the client was idle for longer than wait_timeout",
    },
    Fault.NO_TABLE: {
        1054: "no such column",
        1146: "no such table",
    },
    Fault.PERMANENT: {
        # Access
        1044: "no access to the database",
        1045: "wrong user or password",
        1049: "no such database",
        1130: "the host may not connect",
        1142: "no privilege on the table",
        1143: "no privilege on the column",
        1227: "a privilege is missing that the statement needs",
        1370: "no privilege on the routine",
        1698: "no access without a password",
        1820: "the password has to be set anew",
        1862: "the password has expired",
        2026: "TLS failed",
        2049: "an outdated authentication protocol",
        2059: "the authentication plugin cannot be loaded",
        2061: "the authentication plugin failed",
        3118: "the account is locked",
        3159: "the server wants TLS or a Unix socket",
        3955: "the account is blocked after too many wrong passwords",
        4150: "the user is blocked after too many wrong passwords (MariaDB)",
        4151: "the account is locked (MariaDB)",
        # Values
        1048: "NULL where none may be",
        1264: "number out of range",
        1292: "wrong value",
        1364: "a column without a default was given no value",
        1366: "wrong value for the column's type or character set",
        1406: "text too long",
        1690: "the result of a sum is out of range",
        3819: "a CHECK constraint does not hold",
        3854: "the character set cannot say it",
        4025: "a CHECK constraint does not hold (MariaDB)",
        # Keys
        1062: "duplicate",
        1451: "foreign key: the row is referred to",
        1452: "foreign key: no such row to refer to",
        # The statement
        1064: "syntax error",
        1153: "the statement is longer than max_allowed_packet",
        3098: "Group Replication does not take such a table",
        # Room
        1021: "the disk is full",
        1114: "the table is full",
        1197: "the transaction is larger than max_binlog_cache_size",
        3019: "the undo log is full",
        3231: "the transaction's write set is too large for the group",
        3675: "the disk is full",
    },
}

FAULTS: Mapping[int, Fault] = {
    code: fault for fault, meanings in MEANINGS.items() for code in meanings
}
