"""Error codes that look transient by name, and were reviewed to be permanent.

They concern replication and its administration, locks of the session itself, or statements that the
library never sends. A code that is neither here nor in a dialect's table is new in the server, and
needs a review.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LOOKS_TRANSIENT = re.compile(
    r"LOCK(?!HOLE)|TIME-?OUT|READ[_ -]?ONLY|SHUT_?DOWN|OFFLINE|AVAILABLE|CONN_|CONNECT|CLUSTER"
    r"|WSREP|GROUP_REPLICATION|GRP_|GR_|ROLL(ED)?[_ ]?BACK|XA_RB|KILL|INTERRUPT|ABORT|RETRY"
    r"|TRY AGAIN|BUSY|TOO[_ ]MANY[_ ](CON|USER|ACTIVE)|OUT[_ ]?OF[_ ]?(MEM|RES)|_OOM|NET_"
    r"|TEMPORARY[_ ]ERR|CHECKREAD|CHANGED[_ ]SINCE|REPREPARE|DEF_CHANGED|SERVER_IS|CANCEL|IN_USE"
    r"|BLOCKED|PRIMARY_CHANGE|SET_AS_PRIMARY",
    re.IGNORECASE,
)


def _parse(text: str) -> Mapping[str, str]:
    lines = (line.strip().partition(" ") for line in text.strip().splitlines())
    return {code: name for code, _, name in lines}


# By number and name, as in performance_schema.
MYSQL = _parse(
    """
    1015 CANT_LOCK
    1095 KILL_DENIED_ERROR
    1099 TABLE_NOT_LOCKED_FOR_WRITE
    1100 TABLE_NOT_LOCKED
    1189 SOURCE_NET_READ
    1190 SOURCE_NET_WRITE
    1192 LOCK_OR_ACTIVE_TRANSACTION
    1196 WARNING_NOT_COMPLETE_ROLLBACK
    1201 CONNECTION_METADATA
    1218 CONNECT_TO_SOURCE
    1223 CANT_UPDATE_WITH_READLOCK
    1378 LOG_IN_USE
    1428 WRONG_LOCK_OF_SYSTEM_TABLE
    1429 CONNECT_TO_FOREIGN_DATA_SOURCE
    1556 CANT_LOCK_LOG_TABLE
    1617 NO_CONNECTION_METADATA
    1620 PLUGIN_BUSY
    1621 VARIABLE_IS_READONLY
    1639 DEBUG_SYNC_TIMEOUT
    1751 WARNING_NOT_COMPLETE_ROLLBACK_WITH_CREATED_TEMP_TABLE
    1752 WARNING_NOT_COMPLETE_ROLLBACK_WITH_DROPPED_TEMP_TABLE
    1801 UNKNOWN_ALTER_LOCK
    1806 REPLICA_SILENT_RETRY_TRANSACTION
    1867 PURGE_LOG_IN_USE
    1875 STOP_REPLICA_SQL_THREAD_TIMEOUT
    1876 STOP_REPLICA_IO_THREAD_TIMEOUT
    3057 USER_LOCK_WRONG_NAME
    3068 NET_OK_PACKET_TOO_LARGE
    3092 GROUP_REPLICATION_CONFIGURATION
    3093 GROUP_REPLICATION_RUNNING
    3094 GROUP_REPLICATION_APPLIER_INIT_ERROR
    3095 GROUP_REPLICATION_STOP_APPLIER_THREAD_TIMEOUT
    3096 GROUP_REPLICATION_COMMUNICATION_LAYER_SESSION_ERROR
    3097 GROUP_REPLICATION_COMMUNICATION_LAYER_JOIN_ERROR
    3110 FEATURE_NOT_AVAILABLE
    3131 LOCKING_SERVICE_WRONG_NAME
    3164 AUDIT_API_ABORT
    3182 MASTER_KEY_ROTATION_SE_UNAVAILABLE
    3191 GROUP_REPLICATION_MAX_GROUP_SIZE
    3197 XA_RETRY
    3547 CANNOT_LOCK_USER_MANAGEMENT_CACHES
    3568 UNRESOLVED_TABLE_LOCK
    3569 DUPLICATE_TABLE_LOCK
    3570 BINLOG_UNSAFE_SKIP_LOCKED
    3634 CLONE_TOO_MANY_CONCURRENT_CLONES
    3656 RESOURCE_GROUP_BUSY
    3663 GROUP_REPLICATION_COMMAND_FAILURE
    3799 GRP_TRX_CONSISTENCY_BEGIN_NOT_ALLOWED
    3840 INNODB_REDO_LOG_ARCHIVE_START_TIMEOUT
    3857 RPL_CANT_STOP_REPLICA_WHILE_LOCKED_BACKUP
    3910 GRP_RPL_UDF_ERROR
    3916 DA_GRP_RPL_STARTED_AUTO_REJOIN
    3919 GRP_RPL_MESSAGE_SERVICE_INIT_FAILURE
    3950 DA_OOM
    3960 GRP_OPERATION_NOT_ALLOWED_GR_MUST_STOP
    3970 GROUP_REPLICATION_USER_EMPTY_MSG
    3971 GROUP_REPLICATION_USER_MANDATORY_MSG
    3972 GROUP_REPLICATION_PASSWORD_LENGTH
    3974 DA_GRP_RPL_RECOVERY_ENDPOINT_FORMAT
    3975 DA_GRP_RPL_RECOVERY_ENDPOINT_INVALID
    3990 RPL_ASYNC_RECONNECT_GTID_MODE_OFF
    3991 RPL_ASYNC_RECONNECT_AUTO_POSITION_OFF
    3992 DISABLE_GTID_MODE_REQUIRES_ASYNC_RECONNECT_OFF
    3993 DISABLE_AUTO_POSITION_REQUIRES_ASYNC_RECONNECT_OFF
    4011 STOP_REPLICA_MONITOR_IO_THREAD_TIMEOUT
    4022 GRP_RPL_RECOVERY_CHANNEL_STILL_RUNNING
    4030 WARN_ASYNC_CONN_FAILOVER_NETWORK_NAMESPACE
    4041 GRP_RPL_VIEW_CHANGE_UUID_FAIL_GET_VARIABLE
    4050 GRP_RPL_FAILOVER_CHANNEL_STATUS_PROPAGATION
    4070 CHANGE_REP_SOURCE_GR_CHANNEL_WITH_GTID_MODE_NOT_ON
    4081 DA_GLOBAL_CONN_LIMIT
    4082 DA_CONN_LIMIT
    4085 CANNOT_PURGE_BINLOG_WITH_BACKUP_LOCK
    4118 GROUP_REPLICATION_FORCE_MEMBERS_COMMAND_FAILURE
    4121 TP_QUERY_THRS_PER_GRP_EXCEEDS_TXN_THR_LIMIT
    4156 CANT_CHANGE_SYS_VAR_IN_READ_ONLY_MODE
    4163 USER_LOCK_OVERLONG_NAME
    6001 LANGUAGE_COMPONENT_NOT_AVAILABLE
    6008 NULL_CANT_BE_PERSISTED_FOR_READONLY
    6009 EXPLAIN_INTO_FOR_CONNECTION_NOT_SUPPORTED
    6047 LH_DECIMAL_OOM_ERR
    6079 LH_AVRO_INVALID_BLOCK_SIZE
    6080 LH_AVRO_INVALID_BLOCK_RECORD_COUNT
    6094 LH_OOM
    6141 GRP_RPL_CONNECTION_HANDOFF_BUSY
    6491 JDV_MISSING_READONLY_SUBOBJECT
    6544 AUDIT_LOG_ABORT
    6557 AUDIT_LOG_COMPONENT_INVALID_FILTER_ABORT
    """
)

# By number and message: the server has no list of names.
MARIADB = _parse(
    """
    1027 '%-.192s' is locked against change
    1078 %s: Got signal %d. Aborting!
    1150 Delayed insert thread couldn't get requested lock for table %-.192s
    1165 INSERT DELAYED can't be used with table '%-.192s' because it is locked with LOCK
    1208 DROP DATABASE not allowed while thread is holding global read lock
    1209 CREATE DATABASE not allowed while thread is holding global read lock
    1408 %s: ready for connections. Version: '%s' socket: '%s' port: %d %s
    1413 Duplicate handler declared in the same block
    1432 Can't create federated table. The data source connection string '%-.64s' is not
    1433 The data source connection string '%-.64s' is not in the correct format
    1555 You can't write-lock a log table. Only read access is possible
    1704 The requested value for the heartbeat period exceeds the value of `slave_net_tim
    1789 The slave is connecting using CHANGE MASTER TO MASTER_AUTO_POSITION = 1, but the
    1790 GTID_NEXT cannot be changed by a client that owns a GTID. The client owns %s. Ow
    1799 Creating index '%-.192s' required more than 'innodb_online_alter_log_max_size' b
    1802 CHANGE MASTER cannot be executed when the slave was stopped with an error or kil
    1837 When GTID_NEXT is set to a GTID, you must explicitly set it again after a COMMIT
    1847 COPY algorithm requires a lock
    1848 Partition specific operations do not yet support LOCK/ALGORITHM
    1854 Adding an auto-increment column requires a lock
    1857 Fulltext index creation requires a lock
    1873 Access denied trying to change to user '%-.48s'@'%-.64s' (using password: %s). D
    1931 Query execution was interrupted. The query exceeded %s %llu. The query result ma
    1934 Connection '%.*s' conflicts with existing connection '%.*s'
    1945 Connecting slave requested to start from GTID %u-%u-%llu, which is not in the ma
    1952 Unexpected GTID received from master after reconnect. This normally indicates th
    1955 Connecting slave requested to start from GTID %u-%u-%llu, which is not in the ma
    3001 Query partially completed on the master (error on master: %d) and was aborted. T
    3012 EXPLAIN FOR CONNECTION command is supported only for SELECT/UPDATE/INSERT/DELETE
    3025 Select is not a read only statement, disabling timer
    3042 Analysis procedures of intersection points interrupted unexpectedly in function
    4047 InnoDB refuses to write tables with ROW_FORMAT=COMPRESSED or KEY_BLOCK_SIZE.
    4052 A slave with the same server_id as this slave has connected to the master
    4060 This transaction was rolled back and cannot be committed. Only supported operati
    4061 MyRocks currently does not support ROLLBACK TO SAVEPOINT if modifying rows.
    4149 Unknown backup stage: '%s'. Stage should be one of START, FLUSH, BLOCK_DDL, BLOC
    4173 Engine %s does not support rollback. Changes were committed during rollback call
    4175 SKIP LOCKED makes this statement unsafe
    4192 Slave log event execution was interrupted (slave_max_statement_time exceeded)
    """
)

POSTGRESQL = _parse(
    """
    55006 OBJECT_IN_USE
    F0001 LOCK_FILE_EXISTS
    HV001 FDW_OUT_OF_MEMORY
    HV00N FDW_UNABLE_TO_ESTABLISH_CONNECTION
    """
)
