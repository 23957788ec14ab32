//! The tables: Optuna's, to the letter, and ours beside them.

/// The version of Optuna's schema that we write, as its `version_info` and `alembic_version` tell it.
pub(crate) const OPTUNA_SCHEMA: i64 = 12;
/// The same, by the name of the migration that led there (Optuna 3.2 to 5.0).
pub(crate) const OPTUNA_REVISION: &str = "v3.2.0.a";
/// The version of our own tables.
pub(crate) const OWN_SCHEMA: i64 = 6;

/// Optuna's thirteen tables with their names, types and constraints (schema 12).
pub(crate) const OPTUNA_TABLES: &str = r#"
CREATE TABLE IF NOT EXISTS studies (
    study_id INTEGER NOT NULL,
    study_name VARCHAR(512) NOT NULL,
    PRIMARY KEY (study_id)
);
CREATE UNIQUE INDEX IF NOT EXISTS ix_studies_study_name ON studies (study_name);
CREATE TABLE IF NOT EXISTS version_info (
    version_info_id INTEGER NOT NULL,
    schema_version INTEGER,
    library_version VARCHAR(256),
    PRIMARY KEY (version_info_id),
    CHECK (version_info_id = 1)
);
CREATE TABLE IF NOT EXISTS study_directions (
    study_direction_id INTEGER NOT NULL,
    direction VARCHAR(8) NOT NULL,
    study_id INTEGER NOT NULL,
    objective INTEGER NOT NULL,
    PRIMARY KEY (study_direction_id),
    UNIQUE (study_id, objective),
    FOREIGN KEY (study_id) REFERENCES studies (study_id)
);
CREATE TABLE IF NOT EXISTS study_user_attributes (
    study_user_attribute_id INTEGER NOT NULL,
    study_id INTEGER,
    "key" VARCHAR(512),
    value_json TEXT,
    PRIMARY KEY (study_user_attribute_id),
    UNIQUE (study_id, "key"),
    FOREIGN KEY (study_id) REFERENCES studies (study_id)
);
CREATE TABLE IF NOT EXISTS study_system_attributes (
    study_system_attribute_id INTEGER NOT NULL,
    study_id INTEGER,
    "key" VARCHAR(512),
    value_json TEXT,
    PRIMARY KEY (study_system_attribute_id),
    UNIQUE (study_id, "key"),
    FOREIGN KEY (study_id) REFERENCES studies (study_id)
);
CREATE TABLE IF NOT EXISTS trials (
    trial_id INTEGER NOT NULL,
    number INTEGER,
    study_id INTEGER,
    state VARCHAR(8) NOT NULL,
    datetime_start DATETIME,
    datetime_complete DATETIME,
    PRIMARY KEY (trial_id),
    FOREIGN KEY (study_id) REFERENCES studies (study_id)
);
CREATE INDEX IF NOT EXISTS ix_trials_study_id ON trials (study_id);
CREATE TABLE IF NOT EXISTS trial_user_attributes (
    trial_user_attribute_id INTEGER NOT NULL,
    trial_id INTEGER,
    "key" VARCHAR(512),
    value_json TEXT,
    PRIMARY KEY (trial_user_attribute_id),
    UNIQUE (trial_id, "key"),
    FOREIGN KEY (trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE IF NOT EXISTS trial_system_attributes (
    trial_system_attribute_id INTEGER NOT NULL,
    trial_id INTEGER,
    "key" VARCHAR(512),
    value_json TEXT,
    PRIMARY KEY (trial_system_attribute_id),
    UNIQUE (trial_id, "key"),
    FOREIGN KEY (trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE IF NOT EXISTS trial_params (
    param_id INTEGER NOT NULL,
    trial_id INTEGER,
    param_name VARCHAR(512),
    param_value FLOAT,
    distribution_json TEXT,
    PRIMARY KEY (param_id),
    UNIQUE (trial_id, param_name),
    FOREIGN KEY (trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE IF NOT EXISTS trial_values (
    trial_value_id INTEGER NOT NULL,
    trial_id INTEGER NOT NULL,
    objective INTEGER NOT NULL,
    value FLOAT,
    value_type VARCHAR(7) NOT NULL,
    PRIMARY KEY (trial_value_id),
    UNIQUE (trial_id, objective),
    FOREIGN KEY (trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE IF NOT EXISTS trial_intermediate_values (
    trial_intermediate_value_id INTEGER NOT NULL,
    trial_id INTEGER NOT NULL,
    step INTEGER NOT NULL,
    intermediate_value FLOAT,
    intermediate_value_type VARCHAR(7) NOT NULL,
    PRIMARY KEY (trial_intermediate_value_id),
    UNIQUE (trial_id, step),
    FOREIGN KEY (trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE IF NOT EXISTS trial_heartbeats (
    trial_heartbeat_id INTEGER NOT NULL,
    trial_id INTEGER NOT NULL,
    heartbeat DATETIME DEFAULT (CURRENT_TIMESTAMP) NOT NULL,
    PRIMARY KEY (trial_heartbeat_id),
    UNIQUE (trial_id),
    FOREIGN KEY (trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE IF NOT EXISTS alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
"#;

/// Our tables: what Optuna's schema has no room for. Times named `*_time` are virtual, in ticks.
/// What may differ between two equal runs stands in `tunefork_observed*` (and in the dates of
/// `trials`) and nowhere else. Replicate and fold are 0 where a trial is one training; where it is
/// several, figures of the trial as a whole have −1 for both.
pub(crate) const OWN_TABLES: &str = r#"
CREATE TABLE IF NOT EXISTS tunefork_version (
    version INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS tunefork_studies (
    study_id INTEGER NOT NULL PRIMARY KEY REFERENCES studies (study_id),
    seed TEXT NOT NULL,
    slots INTEGER NOT NULL,
    clock TEXT NOT NULL,
    flop_picoseconds INTEGER NOT NULL,
    byte_picoseconds INTEGER NOT NULL,
    step_picoseconds INTEGER NOT NULL,
    value_at TEXT NOT NULL,
    sampler TEXT NOT NULL,
    scheduler TEXT NOT NULL,
    settings_json TEXT NOT NULL,
    settings_sha256 TEXT NOT NULL,
    fingerprint_json TEXT NOT NULL,
    stages_json TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS tunefork_outside_events (
    event_id INTEGER NOT NULL PRIMARY KEY,
    study_id INTEGER NOT NULL REFERENCES studies (study_id),
    place_time INTEGER NOT NULL,
    place_trial INTEGER NOT NULL,
    place_step INTEGER NOT NULL,
    kind TEXT NOT NULL,
    message TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS tunefork_schedules (
    trial_id INTEGER NOT NULL PRIMARY KEY REFERENCES trials (trial_id),
    epochs INTEGER NOT NULL,
    epoch_flops INTEGER NOT NULL,
    epoch_bytes INTEGER NOT NULL,
    epoch_steps INTEGER NOT NULL,
    epoch_ticks INTEGER NOT NULL,
    arena_bytes INTEGER NOT NULL,
    plan_key TEXT NOT NULL,
    start_time INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS tunefork_paused (
    trial_id INTEGER NOT NULL PRIMARY KEY REFERENCES trials (trial_id)
);
CREATE TABLE IF NOT EXISTS tunefork_taken_in (
    trial_id INTEGER NOT NULL PRIMARY KEY REFERENCES trials (trial_id),
    place_time INTEGER NOT NULL,
    place_trial INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS tunefork_ends (
    trial_id INTEGER NOT NULL PRIMARY KEY REFERENCES trials (trial_id),
    end_time INTEGER NOT NULL,
    reason TEXT NOT NULL,
    message TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS tunefork_reports (
    trial_id INTEGER NOT NULL REFERENCES trials (trial_id),
    step INTEGER NOT NULL,
    report_time INTEGER NOT NULL,
    PRIMARY KEY (trial_id, step)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tunefork_members (
    trial_id INTEGER NOT NULL REFERENCES trials (trial_id),
    step INTEGER NOT NULL,
    replicate INTEGER NOT NULL,
    fold INTEGER NOT NULL,
    value REAL,
    PRIMARY KEY (trial_id, step, replicate, fold)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tunefork_metrics (
    trial_id INTEGER NOT NULL REFERENCES trials (trial_id),
    step INTEGER NOT NULL,
    replicate INTEGER NOT NULL DEFAULT 0,
    fold INTEGER NOT NULL DEFAULT 0,
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    value REAL,
    PRIMARY KEY (trial_id, step, replicate, fold, position)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tunefork_observed (
    trial_id INTEGER NOT NULL REFERENCES trials (trial_id),
    step INTEGER NOT NULL,
    replicate INTEGER NOT NULL DEFAULT 0,
    fold INTEGER NOT NULL DEFAULT 0,
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    value REAL,
    PRIMARY KEY (trial_id, step, replicate, fold, position)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tunefork_observed_time (
    study_id INTEGER NOT NULL PRIMARY KEY REFERENCES studies (study_id),
    seconds REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS tunefork_observed_restarts (
    trial_id INTEGER NOT NULL PRIMARY KEY REFERENCES trials (trial_id),
    restarts INTEGER NOT NULL
);
"#;

/// Optuna's tables with rows for a trial.
pub(crate) const OPTUNA_TRIAL_TABLES: [&str; 6] = [
    "trial_user_attributes",
    "trial_system_attributes",
    "trial_params",
    "trial_values",
    "trial_intermediate_values",
    "trial_heartbeats",
];
/// Optuna's tables with rows for a study; those of trials belong to them.
const OPTUNA_STUDY_TABLES: [&str; 4] =
    ["trials", "study_directions", "study_user_attributes", "study_system_attributes"];

/// Our tables with rows for a trial; [`OWN_TABLES`] has those for a study.
const TRIAL_TABLES: [&str; 9] = [
    "tunefork_schedules",
    "tunefork_paused",
    "tunefork_taken_in",
    "tunefork_ends",
    "tunefork_reports",
    "tunefork_members",
    "tunefork_metrics",
    "tunefork_observed",
    "tunefork_observed_restarts",
];
const STUDY_TABLES: [&str; 3] = ["tunefork_studies", "tunefork_outside_events", "tunefork_observed_time"];

/// The tables whose rows go with those of another: names, the column that tells whose they are, and the other's name. Those of
/// trials come first: SQLite lets no trial go that others refer to.
fn together() -> [(Vec<&'static str>, &'static str, &'static str); 2] {
    let of_trials = [&OPTUNA_TRIAL_TABLES[..], &TRIAL_TABLES].concat();
    let of_studies = [&STUDY_TABLES[..], &OPTUNA_STUDY_TABLES].concat();
    [(of_trials, "trial_id", "trials"), (of_studies, "study_id", "studies")]
}

/// What makes rows go with those that they belong to. SQLite gives a number that is free again to the next study or trial,
/// which would take rows that were left for its own. Triggers are part of the database: they do their work when Optuna
/// itself deletes a study, and then also on what we have written between its look at the study and its deletion.
pub(crate) fn rows_that_go_together() -> String {
    let triggers = together().map(|(tables, id, whose)| {
        let deletions = tables.iter().map(|table| format!("    DELETE FROM {table} WHERE {id} = OLD.{id};\n"));
        let deletions: String = deletions.collect();
        format!(
            "DROP TRIGGER IF EXISTS tunefork_delete_{whose};
CREATE TRIGGER tunefork_delete_{whose} AFTER DELETE ON {whose} BEGIN\n{deletions}END;\n"
        )
    });
    // Of before there were such triggers.
    triggers.concat() + &without_orphans()
}

/// Removes rows of trials and studies that are not there.
pub(crate) fn without_orphans() -> String {
    let left = together().map(|(tables, id, whose)| {
        let is_there = match whose {
            "trials" => "SELECT trial_id FROM trials WHERE study_id IN (SELECT study_id FROM studies)",
            _ => "SELECT study_id FROM studies",
        };
        tables.iter().map(|table| format!("DELETE FROM {table} WHERE {id} NOT IN ({is_there});\n")).collect::<String>()
    });
    left.concat()
}
