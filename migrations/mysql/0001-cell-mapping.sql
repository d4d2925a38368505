-- transactional: false
-- The cells, with the URLs by which they are reached.
-- Each file has one DDL statement, because MySQL commits each by itself.
-- utf8mb4_bin compares names exactly (case, accents, width), whatever the server's default.
CREATE TABLE cell_mapping (
    uuid                VARCHAR(36)  NOT NULL,
    name                VARCHAR(255) NOT NULL,
    transport_url       TEXT         NULL,
    database_connection TEXT         NULL,
    disabled            BOOLEAN      NOT NULL,
    revision            BIGINT       NOT NULL,
    created_at          DATETIME(6)  NOT NULL,
    updated_at          DATETIME(6)  NULL,
    PRIMARY KEY (uuid),
    CONSTRAINT cell_mapping_name_key UNIQUE (name)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
