//! Blocking work on a thread of its own, waited for by a future.

use std::future::Future;
use std::io;
use std::thread;

use futures_channel::oneshot;

use crate::Stopper;

/// Does the work on a thread of its own, beginning at once. Dropping the future tells the stopper; the thread ends by itself then.
///
/// # Errors
/// No thread can be started, or the work panicked.
pub fn on_thread<T: Send + 'static>(
    name: &str,
    stopper: Stopper,
    work: impl FnOnce() -> T + Send + 'static,
) -> impl Future<Output = io::Result<T>> + Send {
    let (done, finished) = oneshot::channel();
    let started = thread::Builder::new().name(name.to_owned()).spawn(move || {
        // Nobody may be there any more.
        let _ = done.send(work());
    });
    let stop_on_drop = StopOnDrop(stopper);
    async move {
        let _stop_on_drop = stop_on_drop;
        started?;
        finished.await.map_err(|_| io::Error::other("the thread that did the work is gone"))
    }
}

struct StopOnDrop(Stopper);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}
