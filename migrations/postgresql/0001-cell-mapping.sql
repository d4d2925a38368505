-- The cells, with the URLs by which they are reached.
-- COLLATE "C" compares names exactly (case, accents, width), whatever the database's default.
CREATE TABLE cell_mapping (
    uuid                VARCHAR(36)  COLLATE "C" NOT NULL,
    name                VARCHAR(255) COLLATE "C" NOT NULL,
    transport_url       TEXT                     NULL,
    database_connection TEXT                     NULL,
    disabled            BOOLEAN                  NOT NULL,
    revision            BIGINT                   NOT NULL,
    created_at          TIMESTAMP(6) WITH TIME ZONE NOT NULL,
    updated_at          TIMESTAMP(6) WITH TIME ZONE NULL,
    CONSTRAINT cell_mapping_pkey PRIMARY KEY (uuid),
    CONSTRAINT cell_mapping_name_key UNIQUE (name)
);
