//! A connection to a database whose tables have been checked.

use crate::error::Trouble;
use crate::schema::{OPTUNA_REVISION, OPTUNA_SCHEMA, OPTUNA_TABLES, OWN_SCHEMA, OWN_TABLES};
use crate::{SqliteOptions, StorageError};
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Statements kept prepared: more than we have.
const STATEMENTS: usize = 64;

/// Pages in the write-ahead log before SQLite copies them into the database. Each copy waits for the
/// disk twice, so they should be rare; 4,000 pages are 16 MB.
const CHECKPOINT_PAGES: u32 = 4000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

#[derive(Debug)]
pub(crate) struct Database {
    connection: Connection,
    path: PathBuf,
    patience: Duration,
}

impl Database {
    pub fn open(path: &Path, access: Access, options: SqliteOptions) -> Result<Self, StorageError> {
        if access == Access::Read && !path.exists() {
            return Err(StorageError::Missing {
                path: path.to_owned(),
            });
        }
        let patience = options.patience;
        connect(path, access, options)
            .map_err(|trouble| trouble.at(path, patience))
            .map(|connection| Database {
                connection,
                path: path.to_owned(),
                patience,
            })
    }

    /// Reads, all from one state of the database.
    pub fn snapshot<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Trouble>,
    ) -> Result<T, StorageError> {
        self.within("BEGIN DEFERRED", read)
    }

    /// Writes, all or nothing.
    pub fn transaction<T>(
        &self,
        write: impl FnOnce(&Connection) -> Result<T, Trouble>,
    ) -> Result<T, StorageError> {
        self.within("BEGIN IMMEDIATE", write)
    }

    fn within<T>(
        &self,
        begin: &str,
        work: impl FnOnce(&Connection) -> Result<T, Trouble>,
    ) -> Result<T, StorageError> {
        let connection = &self.connection;
        let run = |sql: &str| connection.prepare_cached(sql)?.execute([]).map(|_| ());
        let result = run(begin).map_err(Trouble::from).and_then(|()| {
            let value = work(connection)?;
            run("COMMIT")?;
            Ok(value)
        });
        result.map_err(|trouble| {
            if !connection.is_autocommit() {
                // The first error is the one to tell; an open transaction ends with the connection.
                let _ = run("ROLLBACK");
            }
            trouble.at(&self.path, self.patience)
        })
    }
}

fn connect(path: &Path, access: Access, options: SqliteOptions) -> Result<Connection, Trouble> {
    let flags = match access {
        Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
        Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
    } | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(options.patience)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    if access == Access::Read {
        check_versions(&connection, path)?;
        return Ok(connection);
    }
    // A database of somebody else must be refused before anything is changed in it.
    check_versions(&connection, path)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    let synchronous = if options.durable { "full" } else { "normal" };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    create_tables(&connection)?;
    Ok(connection)
}

/// Whether a table is there: Optuna's own databases have none of ours, empty files have none at all.
pub(crate) fn has_table(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?")?
        .exists([name])
}

/// Refuses databases of other programs, other schemas and newer versions. An empty one is accepted.
fn check_versions(connection: &Connection, path: &Path) -> Result<(), Trouble> {
    let tables: i64 = connection.query_row(
        "SELECT count(*) FROM sqlite_master WHERE type = 'table'",
        [],
        |row| row.get(0),
    )?;
    if tables > 0 && !has_table(connection, "studies")? {
        return Err(Trouble::Other(StorageError::NotADatabase {
            path: path.to_owned(),
            detail: "an SQLite database of another program".to_owned(),
        }));
    }
    let revision: Option<String> = match has_table(connection, "alembic_version")? {
        true => connection
            .query_row("SELECT version_num FROM alembic_version", [], |row| {
                row.get(0)
            })
            .optional()?,
        false => None,
    };
    if let Some(found) = revision.filter(|found| found != OPTUNA_REVISION) {
        return Err(Trouble::Other(StorageError::OptunaVersion {
            path: path.to_owned(),
            found,
            expected: OPTUNA_REVISION,
        }));
    }
    if has_table(connection, "tunefork_version")? {
        let found: Option<i64> =
            connection.query_row("SELECT max(version) FROM tunefork_version", [], |row| {
                row.get(0)
            })?;
        if let Some(found) = found.filter(|found| *found > OWN_SCHEMA) {
            return Err(Trouble::Other(StorageError::NewerVersion {
                path: path.to_owned(),
                found,
                known: OWN_SCHEMA,
            }));
        }
    }
    Ok(())
}

fn create_tables(connection: &Connection) -> Result<(), Trouble> {
    if has_table(connection, "tunefork_version")? {
        return Ok(());
    }
    let library = concat!(
        "tunefork ",
        env!("CARGO_PKG_VERSION"),
        " (optuna 5.0.0 schema)"
    );
    connection.execute_batch("BEGIN IMMEDIATE")?;
    connection.execute_batch(OPTUNA_TABLES)?;
    connection.execute_batch(OWN_TABLES)?;
    connection.execute(
        "INSERT OR IGNORE INTO version_info VALUES (1, ?, ?)",
        (OPTUNA_SCHEMA, library),
    )?;
    connection.execute(
        "INSERT OR IGNORE INTO alembic_version VALUES (?)",
        [OPTUNA_REVISION],
    )?;
    connection.execute("INSERT INTO tunefork_version VALUES (?)", [OWN_SCHEMA])?;
    connection.execute_batch("COMMIT")?;
    Ok(())
}
