//! `pirushkad status --watch`: live totals, one row each time.

use std::time::{Duration, Instant};

use crate::commands::running;
use crate::config::Config;
use crate::failure::Failure;
use crate::operator::BUSY;
use crate::output;
use crate::status::{Status, bytes};

/// After so many rows the titles are said again, to a person.
const ROWS_PER_TITLE: u64 = 20;

/// Prints a row every so often until the peer ends, or for `rows` rows.
pub(crate) fn watch(config: &Config, every: Duration, rows: Option<u64>, json: bool) -> Result<(), Failure> {
    let data_dir = crate::cli::data_dir(config)?;
    let (mut before, mut at) = (running(&data_dir)?, Instant::now());
    if json {
        print_json(&before)?;
    } else {
        output::data(Row::TITLES);
        output::data(Row::of(&before, None));
    }
    for number in 1..rows.unwrap_or(u64::MAX) {
        std::thread::sleep(every);
        let now = match running(&data_dir) {
            // A peer that drowns is one to be watched.
            Err(failure) if failure.code == BUSY => {
                output::advice(format_args!("{}: {}", failure.what, failure.cause));
                continue;
            }
            answer => answer?,
        };
        if json {
            print_json(&now)?;
        } else {
            if number % ROWS_PER_TITLE == 0 && output::is_terminal() {
                output::data(Row::TITLES);
            }
            // Totals of another run say nothing about this one.
            let since = Some(&before).filter(|before| before.boot == now.boot);
            output::data(Row::of(&now, since.map(|before| (before, at.elapsed()))));
        }
        (before, at) = (now, Instant::now());
    }
    Ok(())
}

fn print_json(status: &Status) -> Result<(), Failure> {
    let line = serde_json::to_string(status).map_err(|error| Failure::unexpected("cannot write JSON", error))?;
    output::data(line);
    Ok(())
}

/// One row: what there is now, and what went through per second since the row before.
#[derive(Debug)]
struct Row {
    here: u64,
    users: u64,
    held: u64,
    bytes_held: u64,
    rss_bytes: Option<u64>,
    rates: [Option<f64>; 5],
}

impl Row {
    const TITLES: &'static str =
        "    here    users     held       bytes    resident     in/s    out/s  taken/s  deliv/s   drop/s";

    fn of(now: &Status, since: Option<(&Status, Duration)>) -> Self {
        let rate = |total: fn(&Status) -> u64| {
            let (before, every) = since?;
            Some(total(now).saturating_sub(total(before)) as f64 / every.as_secs_f64().max(0.001))
        };
        Self {
            here: now.clients.online,
            users: now.clients.users,
            held: now.messages.held,
            bytes_held: now.messages.bytes_held,
            rss_bytes: now.rss_bytes,
            rates: [
                rate(|status| status.network.packets_in),
                rate(|status| status.network.packets_out),
                rate(|status| status.messages.taken),
                rate(|status| status.messages.delivered),
                rate(|status| status.drops.values().sum()),
            ],
        }
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { here, users, held, bytes_held, rss_bytes, rates } = self;
        let rss = rss_bytes.map_or_else(|| "-".into(), bytes);
        write!(f, "{here:>8} {users:>8} {held:>8} {:>11} {rss:>11}", bytes(*bytes_held))?;
        for rate in rates {
            match rate {
                Some(rate) => write!(f, " {rate:>8.1}")?,
                None => write!(f, " {:>8}", "-")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::tests::made_up;

    #[test]
    fn rows_stand_below_their_titles_and_rates_are_per_second() {
        let before = made_up();
        let mut now = made_up();
        now.network.packets_in += 250;
        now.messages.delivered += 5;
        let rows = [
            Row::TITLES.to_owned(),
            Row::of(&before, None).to_string(),
            Row::of(&now, Some((&before, Duration::from_secs(2)))).to_string(),
        ];
        assert!(rows.iter().all(|row| row.len() == rows[0].len()));
        insta::assert_snapshot!(rows.join("\n"));
    }

    #[test]
    fn totals_that_went_back_are_no_rate_below_zero() {
        let mut before = made_up();
        before.network.packets_in += 1_000;
        let row = Row::of(&made_up(), Some((&before, Duration::from_secs(1))));
        assert_eq!(row.rates[0], Some(0.0));
    }
}
