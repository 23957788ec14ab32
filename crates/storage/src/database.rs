//! A connection to a database whose tables have been checked.

use crate::error::{DatabaseError, of_io};
use crate::schema::{OPTUNA_REVISION, OPTUNA_SCHEMA, OPTUNA_TABLES, OWN_SCHEMA, OWN_TABLES, rows_that_go_together};
use crate::{SqliteOptions, StorageError};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};
use std::cell::OnceCell;
use std::io;
#[cfg(unix)]
use std::os::unix::fs::MetadataExt as _;
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
    /// Which file was opened, if it is written.
    identity: Option<Identity>,
    /// Which file its write-ahead log was after the first commit.
    log: OnceCell<Identity>,
}

impl Database {
    pub(crate) fn open(path: &Path, access: Access, options: SqliteOptions) -> Result<Self, StorageError> {
        if access == Access::Read && !path.exists() {
            return Err(StorageError::Missing { path: path.to_owned() });
        }
        let patience = options.patience;
        let connection = connect(path, access, options).map_err(|error| error.at(path, patience))?;
        let identity = match access {
            Access::Read => None,
            Access::Write => Some(Identity::of(path).map_err(|error| of_io(path, &error))?),
        };
        Ok(Database { connection, path: path.to_owned(), patience, identity, log: OnceCell::new() })
    }

    /// Where the database is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A number that changes when others change the database, and not when we do.
    pub(crate) fn version(&self) -> Result<i64, StorageError> {
        self.check_place()?;
        let version = self.connection.prepare_cached("PRAGMA data_version");
        let version = version.and_then(|mut version| version.query_row([], |row| row.get(0)));
        version.map_err(|error| DatabaseError::from(error).at(&self.path, self.patience))
    }

    /// Reads, all from one state of the database.
    pub(crate) fn snapshot<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, DatabaseError>,
    ) -> Result<T, StorageError> {
        self.within("BEGIN DEFERRED", read)
    }

    /// Writes, all or nothing.
    pub(crate) fn transaction<T>(
        &self,
        write: impl FnOnce(&Connection) -> Result<T, DatabaseError>,
    ) -> Result<T, StorageError> {
        self.within("BEGIN IMMEDIATE", write)
    }

    /// SQLite would go on writing to a file that nobody can find any more.
    fn check_place(&self) -> Result<(), StorageError> {
        let stays = |identity| Identity::of(&self.path).is_ok_and(|now| now == identity);
        if !self.identity.is_none_or(stays) {
            return Err(StorageError::Removed { path: self.path.clone() });
        }
        let path = log_of(&self.path);
        match self.log.get().is_none_or(|log| Identity::of(&path).is_ok_and(|now| now == *log)) {
            true => Ok(()),
            false => Err(StorageError::LogRemoved { path }),
        }
    }

    /// Takes note of the log, which stays the same file as long as the database is open.
    fn note_log(&self) {
        if let (Some(_), None, Ok(log)) = (self.identity, self.log.get(), Identity::of(&log_of(&self.path))) {
            self.log.get_or_init(|| log);
        }
    }

    fn within<T>(
        &self,
        begin: &str,
        work: impl FnOnce(&Connection) -> Result<T, DatabaseError>,
    ) -> Result<T, StorageError> {
        self.check_place()?;
        let connection = &self.connection;
        let run = |sql: &str| connection.prepare_cached(sql)?.execute([]).map(|_| ());
        let result = run(begin).map_err(DatabaseError::from).and_then(|()| {
            let value = work(connection)?;
            run("COMMIT")?;
            self.note_log();
            Ok(value)
        });
        result.map_err(|error| {
            if !connection.is_autocommit() {
                // The first error is the one to tell; an open transaction ends with the connection.
                let _ = run("ROLLBACK");
            }
            error.at(&self.path, self.patience)
        })
    }
}

/// What tells a file from another one at the same path. The file is looked at and not opened: closing it would free the
/// locks that SQLite has on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    /// Device and number of the file. Elsewhere the system lets nobody remove an open file.
    #[cfg(unix)]
    place: (u64, u64),
}

impl Identity {
    fn of(path: &Path) -> io::Result<Self> {
        let _metadata = std::fs::metadata(path)?;
        Ok(Identity {
            #[cfg(unix)]
            place: (_metadata.dev(), _metadata.ino()),
        })
    }
}

fn connect(path: &Path, access: Access, options: SqliteOptions) -> Result<Connection, DatabaseError> {
    if access == Access::Read {
        return connect_to_read(path, options);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    prepare(&connection, options)?;
    // A database of somebody else must be refused before anything is changed in it.
    check_versions(&connection, path)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    let synchronous = if options.durable { "full" } else { "normal" };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    create_tables(&connection)?;
    Ok(connection)
}

fn prepare(connection: &Connection, options: SqliteOptions) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.busy_timeout(options.patience)
}

fn connect_to_read(path: &Path, options: SqliteOptions) -> Result<Connection, DatabaseError> {
    // A reader of a write-ahead log makes files for it where there are none. Who is allowed to write removes them again
    // with its connection, if it is the last one; nothing else is written.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = |connection: rusqlite::Result<Connection>| {
        let connection = connection?;
        prepare(&connection, options)?;
        connection.pragma_update(None, "query_only", true)?;
        check_versions(&connection, path).map(|()| connection)
    };
    match open(Connection::open_with_flags(path, flags)) {
        // Readers of a write-ahead log make a file for their locks beside it. Where that cannot be,
        // and there is no log, nobody writes, and the database can be read without locks.
        Err(DatabaseError::Sql(error)) if needs_a_lock(&error) && !log_of(path).exists() => {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
            open(Connection::open_with_flags(immutable(path), flags))
        }
        result => result,
    }
}

fn needs_a_lock(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied))
}

fn log_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// The path as a URI that says that nobody changes the file.
fn immutable(path: &Path) -> String {
    let escaped: String = path
        .to_string_lossy()
        .chars()
        .map(|letter| match letter {
            '%' => "%25".to_owned(),
            '?' => "%3f".to_owned(),
            '#' => "%23".to_owned(),
            other => other.to_string(),
        })
        .collect();
    format!("file:{escaped}?immutable=1")
}

/// Whether a table is there: Optuna's own databases have none of ours, empty files have none at all.
pub(crate) fn has_table(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?")?.exists([name])
}

/// Refuses databases of other programs, other schemas and newer versions. An empty one is accepted.
fn check_versions(connection: &Connection, path: &Path) -> Result<(), DatabaseError> {
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
    if let Some(found) = revision.filter(|found| found != OPTUNA_REVISION) {
        return Err(optuna_version(path, found));
    }
    if has_table(connection, "version_info")? {
        let found: Option<i64> =
            connection.query_row("SELECT max(schema_version) FROM version_info", [], |row| row.get(0))?;
        if let Some(found) = found.filter(|found| *found != OPTUNA_SCHEMA) {
            return Err(optuna_version(path, found.to_string()));
        }
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

fn optuna_version(path: &Path, found: String) -> DatabaseError {
    DatabaseError::Other(StorageError::OptunaVersion { path: path.to_owned(), found, expected: OPTUNA_REVISION })
}

/// Creates what tables there are not yet: all, or those that came with a later version.
fn create_tables(connection: &Connection) -> Result<(), DatabaseError> {
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

    #[test]
    fn a_full_disk_is_told_and_leaves_what_was_committed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study.db");
        let database = Database::open(&path, Access::Write, SqliteOptions::default()).unwrap();
        let insert = |connection: &Connection, text: &str| {
            connection.execute("INSERT INTO studies (study_name) VALUES (?)", [text])?;
            Ok(())
        };
        database.transaction(|connection| insert(connection, "first")).unwrap();
        let pages: i64 = database.connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        // SQLite's own limit gives the same error as a disk without room.
        database.connection.pragma_update(None, "max_page_count", pages).unwrap();
        let error = database.transaction(|connection| insert(connection, &"x".repeat(100_000))).unwrap_err();
        assert!(matches!(error, StorageError::Full { .. }), "{error}");
        let count = |connection: &Connection| -> Result<i64, DatabaseError> {
            let sql = "SELECT count(*) FROM studies";
            Ok(connection.query_row(sql, [], |row| row.get(0))?)
        };
        assert_eq!(database.snapshot(count).unwrap(), 1);
        database.transaction(|connection| insert(connection, "second")).unwrap();
    }

    #[test]
    fn odd_paths_can_be_named_to_sqlite() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("50% of #1? über.db");
        drop(Database::open(&path, Access::Write, SqliteOptions::default()).unwrap());
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        let connection = Connection::open_with_flags(immutable(&path), flags).unwrap();
        assert!(has_table(&connection, "trials").unwrap());
    }
}
