"""Classifies the error numbers of MySQL and MariaDB; those from 2000 to 2999 are the driver's.

An unlisted number is `Fault.UNKNOWN`. The two servers use some numbers above 3000 for different
errors; one of each such pair concerns a statement that the library never sends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostmap_sql.dialects.fault import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

ERROR_CODES: Mapping[Fault, Mapping[int, str]] = {
    Fault.CONFLICT: {
        1213: "deadlock, or a conflict that a cluster detected in the commit",
        3101: "a conflict that Group Replication detected in the commit",
        1020: "the row changed since it was read (MariaDB at REPEATABLE READ)",
        1614: "the transaction branch was rolled back: deadlock",
        3058: "deadlock of user-level locks",
        3132: "deadlock of the locking service",
    },
    Fault.RETRY: {
        # The server rolled back the transaction.
        1402: "the transaction branch was rolled back",
        1613: "the transaction branch was rolled back: it took too long",
        1622: "the storage engine rolled back the transaction",
        1964: "an earlier commit, on which this one depends, failed (MariaDB)",
        # Only the statement failed; its transaction is still open.
        1028: "the sort was interrupted",
        1205: "lock wait timeout",
        1206: "the lock table is full",
        1297: "a temporary error of the storage engine",
        1317: "the query was killed",
        1412: "the table was altered since the transaction began",
        1615: "the statement must be prepared again",
        1637: "too many concurrent transactions",
        1689: "the wait for a lock was aborted by an exclusive lock",
        1969: "the statement took longer than max_statement_time (MariaDB)",
        3024: "the statement took longer than max_execution_time",
        3133: "timeout of the locking service",
        3177: "the storage engine refused the lock",
        3572: "the row is locked (NOWAIT)",
        3781: "a new primary was still applying the transactions of the old one",
    },
    Fault.RECONNECT: {
        # A read-only node.
        1036: "the table is read-only, as with innodb_read_only",
        1207: "no write locks in a READ UNCOMMITTED transaction",
        1290: "an option such as read_only or super_read_only is on",
        1792: "the transaction is READ ONLY",
        1836: "the server is in read-only mode",
        1874: "InnoDB is in read-only mode",
        1881: "InnoDB is in forced recovery",
        3989: "the schema is read-only",
        4049: "not allowed on a secondary of Group Replication",
        4094: "Group Replication is switching to another primary",
        # A node that left its cluster, has not joined it yet, or accepts no work.
        1047: "the Galera node is not ready (elsewhere: unknown command)",
        3032: "the server is in offline mode",
        3100: "a hook of replication failed: Group Replication has no quorum",
        3168: "the server is not available",
        3782: "the wait for a new primary was aborted",
        3783: "the Group Replication member is in the state ERROR",
        3796: "the member cannot provide group_replication_consistency",
        3797: "the wait for earlier transactions of the group failed",
        3798: "the wait for earlier transactions of the group failed, at the beginning",
        6400: "the server is in offline mode, with a reason",
        # TiDB
        9001: "TiDB: the placement driver did not answer",
        9002: "TiDB: TiKV did not answer",
        9003: "TiDB: TiKV is busy",
        9004: "TiDB: the lock could not be resolved",
        9005: "TiDB: the region is not available",
    },
    Fault.UNAVAILABLE: {
        1037: "the server is out of memory",
        1040: "too many connections",
        1041: "the machine is out of memory",
        1042: "the server cannot resolve the client's name",
        1043: "bad handshake",
        1129: "the host is blocked after too many failed connections",
        1135: "the server cannot create a thread",
        1203: "too many connections of this user",
        1226: "the user has reached a resource limit",
        2001: "a Unix socket cannot be created",
        2002: "no server listens on the Unix socket",
        2003: "the host is unreachable, or no server listens on the port",
        2004: "a TCP socket cannot be created",
        2005: "unknown host",
        2012: "the handshake failed",
        2070: "the service's name could not be resolved",
        3015: "the storage engine is out of memory",
        3985: "out of memory for metadata locks",
    },
    Fault.LOST: {
        0: "the connection was closed earlier",
        1053: "the server is shutting down",
        1077: "the server has shut down normally",
        1079: "the server has shut down",
        1152: "the connection was aborted",
        1154: "the server could not read from the connection's pipe",
        1155: "the server could not set the socket's mode",
        1156: "packets out of order",
        1157: "the server could not uncompress a packet",
        1158: "the server could not read from the connection",
        1159: "the server timed out reading a packet",
        1160: "the server could not write to the connection",
        1161: "the server timed out writing a packet",
        1180: "error during COMMIT",
        1181: "error during ROLLBACK",
        1184: "the connection was aborted before authentication",
        1927: "the connection was killed (MariaDB)",
        2006: "the server has gone away",
        2013: "the connection was lost",
        2014: "commands out of order",
        2027: "malformed packet",
        2045: "the shared memory connection was aborted",
        2048: "no such connection",
        2055: "the connection was lost, with a system error",
        3169: "the session was killed",
        4031: "the session was idle for longer than wait_timeout",
    },
    Fault.NO_TABLE: {
        1054: "no such column",
        1146: "no such table",
    },
    Fault.NOT_PERMITTED: {
        1044: "no access to the database",
        1142: "no privilege on the table",
        1143: "no privilege on the column",
        1227: "the statement needs a missing privilege",
        1370: "no privilege on the routine",
    },
    Fault.PERMANENT: {
        # Access
        1045: "wrong user or password",
        1049: "no such database",
        1130: "this host is not allowed to connect",
        1698: "access denied without a password",
        1820: "the password must be changed",
        1862: "the password has expired",
        2026: "TLS failed",
        2049: "an outdated authentication protocol",
        2059: "the authentication plugin cannot be loaded",
        2061: "the authentication plugin failed",
        3118: "the account is locked",
        3159: "the server requires TLS or a Unix socket",
        3955: "the account is locked after too many wrong passwords",
        4150: "the user is blocked after too many wrong passwords (MariaDB)",
        4151: "the account is locked (MariaDB)",
        # Values
        1048: "NULL in a NOT NULL column",
        1264: "number out of range",
        1292: "wrong value",
        1364: "no value for a column without a default",
        1366: "wrong value for the column's type or character set",
        1406: "text too long",
        1690: "the result of an expression is out of range",
        3819: "a CHECK constraint is violated",
        3854: "the character set cannot represent the text",
        4025: "a CHECK constraint is violated (MariaDB)",
        # Keys
        1062: "duplicate key",
        1451: "foreign key: the row is referenced",
        1452: "foreign key: the referenced row is missing",
        # The statement
        1064: "syntax error",
        1153: "the statement is longer than max_allowed_packet",
        3098: "the table does not meet the requirements of Group Replication",
        # Space
        1021: "the disk is full",
        1114: "the table is full",
        1197: "the transaction is larger than max_binlog_cache_size",
        3019: "the undo log is full",
        3231: "the transaction's write set is too large for the group",
        3675: "the disk is full",
    },
}

READ_ONLY = 1792

FAULTS: Mapping[int, Fault] = {
    code: fault for fault, meanings in ERROR_CODES.items() for code in meanings
}
