//! Whatever stands in the rows of a study's database: it is read, or refused; never a panic.
#![no_main]

use std::fs;
use std::sync::OnceLock;
use std::time::Duration;

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use rusqlite::Connection;
use rusqlite::types::Value;
use tunefork::show_json;
use tunefork::space::{Domain, Value as ParamValue};
use tunefork::storage::{SqliteStorage, read};
use tunefork::study::{
    Blueprint, Change, Cost, End, EndReason, EpochRecord, EpochReport, Facts, Member, MemberReport, Metrics, Moment,
    OutsideEvent, OutsideKind, Schedule, Storage as _, StoredParameter, StudyHeader, Timing,
};
use tunefork::trial::{Direction, TrialNumber, TrialState};

/// A cell of the database that is written anew.
#[derive(Debug, Arbitrary)]
struct Written {
    column: u16,
    row: u8,
    to: Cell,
}

#[derive(Debug, Arbitrary)]
enum Cell {
    Null,
    Integer(i64),
    Small(i8),
    Real(f64),
    Text(String),
    Bytes(Vec<u8>),
    /// What stands in the same column of another row.
    Other(u8),
    Delete,
}

/// A study's database, and all its columns.
struct Template {
    bytes: Vec<u8>,
    columns: Vec<Column>,
}

struct Column {
    table: String,
    name: String,
    /// What tells one row of the table from another.
    key: String,
}

fn template() -> &'static Template {
    static TEMPLATE: OnceLock<Template> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let place = tempfile::tempdir().expect("a temporary folder");
        let path = place.path().join("study.db");
        let mut storage = SqliteStorage::open(&path, "fuzzed").expect("a new database");
        storage.create(&StudyHeader::new("fuzzed", Direction::Maximize, 7)).expect("a new study");
        study().iter().for_each(|changes| storage.commit(changes).expect("a study"));
        drop(storage);
        let database = Connection::open(&path).expect("a database");
        let bytes = fs::read(&path).expect("a file");
        let sql = "SELECT m.name, c.name, coalesce(
                (SELECT group_concat(k.name) FROM pragma_table_info(m.name) k WHERE k.pk > 0), 'rowid')
            FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'";
        let mut statement = database.prepare(sql).expect("a schema");
        let columns = statement
            .query_map([], |row| Ok(Column { table: row.get(0)?, name: row.get(1)?, key: row.get(2)? }))
            .and_then(Iterator::collect)
            .expect("columns");
        Template { bytes, columns }
    })
}

/// Trials of all kinds, with rows in every table.
fn study() -> Vec<Vec<Change>> {
    let number = TrialNumber;
    let domains = [Domain::uniform(0.0, 1.0), Domain::int_log(1, 64), Domain::choice(["relu", "tanh"])];
    let params = domains.into_iter().zip(["dropout", "channels", "activation"]).map(|(domain, name)| {
        let domain = domain.expect("a domain");
        StoredParameter { name: name.to_owned(), internal: 1.0, domain }
    });
    let params: Vec<StoredParameter> = params.collect();
    let blueprint =
        Blueprint { epochs: 2, epoch_cost: Cost { flops: 9, bytes: 8, steps: 7 }, plan_bytes: 5, plan_key: "k".into() };
    let start = |trial| Change::Start {
        number: number(trial),
        params: params.clone(),
        fixed: Some([("dropout", ParamValue::from(1.0))].into_iter().collect()),
        schedule: Some(Schedule { blueprint: blueprint.clone(), start: 3, epoch_ticks: 4 }),
    };
    let metrics = || Metrics { whole: vec![("loss".into(), 0.5)], ..Metrics::default() };
    let member = |fold| MemberReport { member: Member { replicate: 0, fold }, value: 0.5, metrics: metrics() };
    let report = |trial, step| {
        let timing = Some(Timing { seconds: 1.0, validation_seconds: 0.1, images_per_second: 9.0 });
        let report = EpochReport { value: 0.5, metrics: metrics(), timing, members: vec![member(0), member(1)] };
        Change::Report { number: number(trial), epoch: EpochRecord { step, time: 9, report: report.into() } }
    };
    let end = |trial, state, value, reason| {
        let end = End { time: 9, reason, message: "so it ended".to_owned() };
        Change::Finish { number: number(trial), state, value, end }
    };
    let outside = OutsideEvent {
        moment: Moment { time: 9, trial: 1, step: 1 },
        kind: OutsideKind::Fault,
        message: "a fault".to_owned(),
    };
    let note = Change::Attribute { number: number(0), key: "note".into(), value: "a \"note\"".into() };
    vec![
        vec![start(0), note, report(0, 1), report(0, 2), end(0, TrialState::Complete, Some(0.5), EndReason::Finished)],
        vec![start(1), report(1, 1), end(1, TrialState::Pruned, Some(0.5), EndReason::Stopped)],
        vec![start(2), end(2, TrialState::Failed, None, EndReason::Diverged), Change::Outside(outside)],
        vec![start(3), report(3, 1), Change::Restarted { number: number(3) }],
        vec![start(4), Change::State { number: number(4), state: TrialState::Paused }],
        vec![
            Change::Enqueue { number: number(5), fixed: [("channels", ParamValue::from(4))].into_iter().collect() },
            Change::Stages(vec![4, 9]),
            Change::Elapsed(Duration::from_secs(1)),
            Change::Fingerprint(Facts::new([("isa", "avx2")])),
        ],
    ]
}

/// Writes a cell anew. A constraint that refuses it is the database's own.
fn apply(database: &Connection, change: Written) {
    let columns = &template().columns;
    let Column { table, name, key } = &columns[usize::from(change.column) % columns.len()];
    let row = format!("({key}) = (SELECT {key} FROM {table} LIMIT 1 OFFSET ?1)");
    let set = |value: Value| {
        database.execute(&format!("UPDATE {table} SET \"{name}\" = ?2 WHERE {row}"), (change.row, value))
    };
    let _ = match change.to {
        Cell::Null => set(Value::Null),
        Cell::Integer(value) => set(Value::Integer(value)),
        Cell::Small(value) => set(Value::Integer(value.into())),
        Cell::Real(value) => set(Value::Real(value)),
        Cell::Text(text) => set(Value::Text(text)),
        Cell::Bytes(bytes) => set(Value::Blob(bytes)),
        Cell::Other(other) => {
            let value = format!("(SELECT \"{name}\" FROM {table} LIMIT 1 OFFSET ?2)");
            database.execute(&format!("UPDATE {table} SET \"{name}\" = {value} WHERE {row}"), (change.row, other))
        }
        Cell::Delete => database.execute(&format!("DELETE FROM {table} WHERE {row}"), [change.row]),
    };
}

fuzz_target!(|changes: Vec<Written>| {
    let place = tempfile::tempdir().expect("a temporary folder");
    let path = place.path().join("study.db");
    fs::write(&path, &template().bytes).expect("a file");
    {
        let database = Connection::open(&path).expect("a database");
        database
            .execute_batch("PRAGMA foreign_keys = OFF; PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY")
            .expect("pragmas");
        changes.into_iter().take(16).for_each(|change| apply(&database, change));
    }
    let found = read(&path, None);
    if let Ok(study) = &found {
        let _ = show_json(study, None).to_string();
        let name = study.header.name.clone();
        if let Ok(mut storage) = SqliteStorage::open(&path, name) {
            let _ = storage.load();
        }
    }
});
