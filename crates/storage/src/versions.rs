//! Which versions the tables of a database are of, Optuna's and ours.

use crate::StorageError;
use crate::database::has_table;
use crate::error::DatabaseError;
use crate::schema::{OPTUNA_REVISION, OPTUNA_SCHEMA, OPTUNA_TABLES, OWN_SCHEMA, OWN_TABLES, rows_that_go_together};
use rusqlite::{Connection, OptionalExtension};
use std::path::Path;

/// Refuses databases of other programs, other schemas and newer versions. An empty one is accepted.
pub(crate) fn check_versions(connection: &Connection, path: &Path) -> Result<(), DatabaseError> {
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_master WHERE type = 'table'", [], |row| row.get(0))?;
    if tables > 0 && !has_table(connection, "studies")? {
        return Err(DatabaseError::Other(StorageError::NotADatabase {
            path: path.to_owned(),
            detail: "an SQLite database of another program".to_owned(),
        }));
    }
    let revision: Option<String> = match has_table(connection, "alembic_version")? {
        true => connection.query_row("SELECT version_num FROM alembic_version", [], |row| row.get(0)).optional()?,
        false => None,
    };
    let schema: Option<i64> = match has_table(connection, "version_info")? {
        true => connection.query_row("SELECT max(schema_version) FROM version_info", [], |row| row.get(0))?,
        false => None,
    };
    let newer = schema.is_some_and(|schema| schema > OPTUNA_SCHEMA)
        || revision.as_ref().is_some_and(|revision| is_newer(revision));
    let revision = revision.filter(|revision| revision != OPTUNA_REVISION);
    let schema = schema.filter(|schema| *schema != OPTUNA_SCHEMA).map(|schema| schema.to_string());
    if let Some(found) = revision.or(schema) {
        let (path, expected) = (path.to_owned(), OPTUNA_REVISION);
        return Err(DatabaseError::Other(StorageError::OptunaVersion { path, found, newer, expected }));
    }
    if let Some(found) = own_version(connection)?.filter(|found| *found > OWN_SCHEMA) {
        return Err(DatabaseError::Other(StorageError::NewerVersion {
            path: path.to_owned(),
            found,
            known: OWN_SCHEMA,
        }));
    }
    Ok(())
}

/// Whether a revision such as `v3.2.0.a` came after ours. One of another form is of a time to come.
fn is_newer(revision: &str) -> bool {
    let parts = |revision: &str| -> Option<(Vec<u32>, String)> {
        let (numbers, letter) = revision.strip_prefix('v')?.rsplit_once('.')?;
        Some((numbers.split('.').map(|number| number.parse().ok()).collect::<Option<_>>()?, letter.to_owned()))
    };
    parts(revision).is_none_or(|found| Some(found) > parts(OPTUNA_REVISION))
}

/// Creates what tables there are not yet: all, or those that came with a later version.
pub(crate) fn create_tables(connection: &Connection) -> Result<(), DatabaseError> {
    let found = own_version(connection)?;
    if found == Some(OWN_SCHEMA) {
        return Ok(());
    }
    let library = concat!("tunefork ", env!("CARGO_PKG_VERSION"), " (optuna 5.0.0 schema)");
    connection.execute_batch("BEGIN IMMEDIATE")?;
    connection.execute_batch(OPTUNA_TABLES)?;
    connection.execute_batch(OWN_TABLES)?;
    connection.execute_batch(&rows_that_go_together())?;
    connection.execute("INSERT OR IGNORE INTO version_info VALUES (1, ?, ?)", (OPTUNA_SCHEMA, library))?;
    connection.execute("INSERT OR IGNORE INTO alembic_version VALUES (?)", [OPTUNA_REVISION])?;
    connection.execute("DELETE FROM tunefork_version", [])?;
    connection.execute("INSERT INTO tunefork_version VALUES (?)", [OWN_SCHEMA])?;
    connection.execute_batch("COMMIT")?;
    Ok(())
}

/// The version of our tables, if they are there.
fn own_version(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    if !has_table(connection, "tunefork_version")? {
        return Ok(None);
    }
    connection.query_row("SELECT max(version) FROM tunefork_version", [], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Left: revisions of Optuna's `storages/_rdb/alembic/versions`, one to come, and one of another form.
    #[test]
    fn newer_revisions_are_told_from_older_ones() {
        for (revision, newer) in [
            ("v0.9.0.a", false),
            ("v3.0.0.d", false),
            (OPTUNA_REVISION, false),
            ("v3.2.0.b", true),
            ("v10.0.0.a", true),
            ("2027-a", true),
        ] {
            assert_eq!(is_newer(revision), newer, "{revision}");
        }
    }
}
