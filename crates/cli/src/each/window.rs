//! The rows that are under way: read and not printed yet. It is what bounds memory.
//!
//! One thread reads, some tasks run, one thread prints, and this stands between them: a bounded queue in the order of the rows.
//! Whoever gets too far ahead waits, and is woken only when there is enough to do: waking a thread takes longer than running a row.

use std::collections::VecDeque;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::answer::Answer;
use super::rows::{LARGEST_SPARE, Row};

/// The most rows that are under way.
const ROWS: usize = 1024;
/// With more bytes under way, nothing is read and no row but the next one to be printed is started.
const BYTES: usize = 32 << 20;
/// Rows that are done in quick succession are printed together.
const PACE: Duration = Duration::from_millis(2);
/// The most that is printed together.
const PRINTED_AT_ONCE: usize = 1 << 20;

/// Rows that were not printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Left {
    /// How many were read.
    pub(crate) read: usize,
    /// Whether the end of the rows was not reached.
    pub(crate) there_may_be_more: bool,
}

/// The rows that are under way.
pub(crate) struct Window {
    state: Mutex<State>,
    /// The most rows that are under way.
    rows: usize,
    /// There is room.
    room: Condvar,
    /// The next row to be printed is done, or no more will be.
    done: Condvar,
    /// There is a row to run, or no more will be.
    work: Notify,
}

#[derive(Default)]
struct State {
    /// Those that were not started.
    waiting: VecDeque<Row>,
    /// What became of each from the next one to be printed on; none where it is not done.
    answers: VecDeque<Option<Answer>>,
    /// The number of the next one to be printed.
    next: u64,
    /// Buffers of rows that were printed.
    spare: Vec<Vec<u8>>,
    /// How many bytes rows and answers hold.
    bytes: usize,
    /// No row behind this one counts.
    last: Option<u64>,
    /// Nothing more will be read.
    is_read: bool,
    read_error: Option<io::Error>,
    /// Nothing more is started.
    is_stopped: bool,
    /// Nothing more will be done.
    is_closed: bool,
    reader_waits: bool,
    printer_waits: bool,
}

impl State {
    fn starts_nothing(&self, number: u64) -> bool {
        self.is_stopped || self.last.is_some_and(|last| number > last)
    }

    fn has_room(&self, rows: usize) -> bool {
        self.answers.len() < rows && self.bytes < BYTES
    }

    fn has_answer(&self) -> bool {
        matches!(self.answers.front(), Some(Some(_)))
    }
}

impl Window {
    /// For so many rows that run at once.
    pub(crate) fn new(jobs: usize) -> Self {
        let state = State { next: 1, ..State::default() };
        Window {
            state: Mutex::new(state),
            rows: ROWS.max(jobs.saturating_mul(4)),
            room: Condvar::new(),
            done: Condvar::new(),
            work: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes these rows in, as soon as there is room, and gives buffers for others. Gives whether more are wanted.
    pub(crate) fn offer(&self, rows: &mut Vec<Row>, spare: &mut Vec<Vec<u8>>) -> bool {
        let mut state = self.state();
        for row in rows.drain(..) {
            while !state.starts_nothing(row.number) && !state.has_room(self.rows) {
                state.reader_waits = true;
                state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.starts_nothing(row.number) {
                return false;
            }
            state.bytes += row.size();
            state.answers.push_back(None);
            state.waiting.push_back(row);
            self.work.notify_one();
        }
        spare.append(&mut state.spare);
        true
    }

    /// There are no more rows; or there are, and they cannot be read.
    pub(crate) fn end_of_rows(&self, error: Option<io::Error>) {
        let mut state = self.state();
        state.is_read = true;
        state.read_error = error;
        drop(state);
        self.wake_all();
    }

    /// Why the rows ended before their end.
    pub(crate) fn read_error(&self) -> Option<io::Error> {
        self.state().read_error.take()
    }

    /// Nothing more is started, and nothing more is read.
    pub(crate) fn stop(&self) {
        self.state().is_stopped = true;
        self.wake_all();
    }

    /// Nothing more will be done.
    pub(crate) fn close(&self) {
        self.state().is_closed = true;
        self.wake_all();
    }

    fn wake_all(&self) {
        self.room.notify_all();
        self.done.notify_all();
        self.work.notify_waiters();
    }

    /// A row to run, when there is one; none when there will be no more.
    pub(crate) async fn start(&self) -> Option<Row> {
        loop {
            // Made before the look, so that nothing is missed.
            let work = self.work.notified();
            {
                let mut state = self.state();
                let next = state.waiting.front().map(|row| row.number);
                match next {
                    _ if state.is_stopped => return None,
                    Some(number) if state.starts_nothing(number) => return None,
                    Some(number) if state.bytes < BYTES || number == state.next => {
                        let row = state.waiting.pop_front();
                        self.wake_reader(&mut state);
                        return row;
                    }
                    None if state.is_read => return None,
                    _ => {}
                }
            }
            work.await;
        }
    }

    /// A row of this size has its answer. With `is_last`, none behind it counts.
    pub(crate) fn put(&self, size: usize, answer: Answer, is_last: bool) {
        let number = answer.row;
        let mut state = self.state();
        state.bytes = state.bytes.saturating_sub(size) + answer.size();
        if is_last && state.last.is_none_or(|last| number < last) {
            state.last = Some(number);
            state.reader_waits = false;
            self.room.notify_all();
            self.work.notify_waiters();
        }
        let place = number.checked_sub(state.next).and_then(|place| usize::try_from(place).ok());
        if let Some(slot) = place.and_then(|place| state.answers.get_mut(place)) {
            *slot = Some(answer);
        }
        if state.printer_waits && state.has_answer() {
            state.printer_waits = false;
            self.done.notify_one();
        }
    }

    /// Waits for the next answers, in order and without a gap; none when there will be no more. Those that come in quick succession
    /// come together, no sooner than a [`PACE`] after `before`. `spare` are buffers that are free again.
    pub(crate) fn take(&self, before: Instant, answers: &mut Vec<Answer>, spare: &mut Vec<Vec<u8>>) -> bool {
        let mut state = self.state();
        spare.retain(|buffer| buffer.capacity() <= LARGEST_SPARE);
        spare.truncate(self.rows.saturating_sub(state.spare.len()));
        state.spare.append(spare);
        loop {
            if state.has_answer() {
                break;
            }
            let is_over = state.is_read && state.answers.is_empty();
            if state.is_closed || is_over {
                return false;
            }
            state.printer_waits = true;
            state = self.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if let Some(rest) = PACE.checked_sub(before.elapsed())
            && !state.is_closed
        {
            state.printer_waits = false;
            state = self.done.wait_timeout(state, rest).unwrap_or_else(PoisonError::into_inner).0;
        }
        let mut size = 0;
        while size < PRINTED_AT_ONCE
            && state.has_answer()
            && let Some(Some(answer)) = state.answers.pop_front()
        {
            state.next += 1;
            size += answer.size();
            answers.push(answer);
        }
        state.bytes = state.bytes.saturating_sub(size);
        self.wake_reader(&mut state);
        if !state.waiting.is_empty() {
            // They may have waited for bytes.
            self.work.notify_waiters();
        }
        true
    }

    /// Rows that were not printed.
    pub(crate) fn left(&self) -> Left {
        let state = self.state();
        Left { read: state.answers.len(), there_may_be_more: !state.is_read }
    }

    /// Wakes the reader when there is work for it, or when the others will soon have none.
    fn wake_reader(&self, state: &mut State) {
        let is_empty = state.answers.len() <= self.rows / 2 && state.bytes <= BYTES / 2;
        let runs_dry = state.waiting.len() <= self.rows / 8 && state.has_room(self.rows);
        if state.reader_waits && (is_empty || runs_dry) {
            state.reader_waits = false;
            self.room.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::runtime::{Builder, Runtime};

    use super::super::answer::Ending;
    use super::super::rows::RowText;
    use super::*;

    fn row(number: u64, size: usize) -> Row {
        Row { number, line: number, text: RowText::Line(vec![b'1'; size]) }
    }

    fn answer(row: u64) -> Answer {
        Answer { row, at: row, line: vec![b'2'; 4], ending: Ending::Ok }
    }

    fn runtime() -> Runtime {
        Builder::new_current_thread().build().unwrap()
    }

    fn started(runtime: &Runtime, window: &Window) -> Option<u64> {
        runtime.block_on(window.start()).map(|row| row.number)
    }

    /// Whether a row is there to be started at once.
    fn has_work(runtime: &Runtime, window: &Window) -> bool {
        runtime.block_on(async {
            tokio::select! { biased; row = window.start() => row.is_some(), () = async {} => false }
        })
    }

    fn taken(window: &Window) -> Vec<u64> {
        let mut answers = Vec::new();
        assert!(window.take(Instant::now(), &mut answers, &mut Vec::new()));
        answers.iter().map(|answer| answer.row).collect()
    }

    #[test]
    fn answers_come_in_order_and_without_a_gap() {
        let (window, runtime) = (Window::new(4), runtime());
        assert!(window.offer(&mut (1..=4).map(|number| row(number, 9)).collect(), &mut Vec::new()));
        window.end_of_rows(None);
        assert_eq!([1, 2, 3, 4].map(|_| started(&runtime, &window)), [1, 2, 3, 4].map(Some));
        assert_eq!(started(&runtime, &window), None);
        for number in [3, 1] {
            window.put(9, answer(number), false);
        }
        assert_eq!(taken(&window), [1]);
        window.put(9, answer(2), false);
        assert_eq!(taken(&window), [2, 3]);
        assert_eq!(window.left(), Left { read: 1, there_may_be_more: false });
        window.put(9, answer(4), false);
        assert_eq!(taken(&window), [4]);
        assert!(!window.take(Instant::now(), &mut Vec::new(), &mut Vec::new()));
    }

    #[test]
    fn the_reader_waits_where_nobody_takes_anything() {
        let window = Arc::new(Window::new(4));
        let reader = std::thread::spawn({
            let window = window.clone();
            move || window.offer(&mut (1..=5_000).map(|number| row(number, 9)).collect(), &mut Vec::new())
        });
        while !window.state().reader_waits {
            std::thread::yield_now();
        }
        assert_eq!(window.left().read, ROWS);
        window.stop();
        assert!(!reader.join().unwrap());
        assert_eq!(window.left().read, ROWS);
    }

    #[test]
    fn with_many_bytes_under_way_only_the_next_row_is_started() {
        let (window, runtime) = (Window::new(4), runtime());
        assert!(window.offer(&mut vec![row(1, BYTES - 1), row(2, 2)], &mut Vec::new()));
        assert_eq!(started(&runtime, &window), Some(1));
        assert!(!has_work(&runtime, &window));
        window.put(BYTES - 1, answer(1), false);
        assert_eq!(taken(&window), [1]);
        assert_eq!(started(&runtime, &window), Some(2));
    }

    #[test]
    fn behind_the_last_row_nothing_is_started() {
        let (window, runtime) = (Window::new(4), runtime());
        assert!(window.offer(&mut (1..=4).map(|number| row(number, 9)).collect(), &mut Vec::new()));
        assert_eq!([1, 2].map(|_| started(&runtime, &window)), [1, 2].map(Some));
        window.put(9, answer(2), true);
        assert_eq!(started(&runtime, &window), None);
        assert!(!window.offer(&mut vec![row(5, 9)], &mut Vec::new()));
        window.put(9, answer(1), false);
        assert_eq!(taken(&window), [1, 2]);
    }
}
