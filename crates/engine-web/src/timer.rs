//! Sleeping, by the browser's timers.

use std::future::Future;
use std::time::Duration;

use futures_channel::oneshot;
use send_wrapper::SendWrapper;
use wasm_bindgen::prelude::*;
use web_time::Instant;

use crate::js;

/// The longest that a timer of a browser takes: 32 bits of milliseconds.
const LONGEST: Duration = Duration::from_millis(i32::MAX as u64);

/// Completes when that time has passed.
pub fn sleep(duration: Duration) -> impl Future<Output = ()> + Send {
    let started = Instant::now();
    SendWrapper::new(async move {
        loop {
            let left = duration.saturating_sub(started.elapsed());
            if left.is_zero() {
                return;
            }
            Timer::new(left.min(LONGEST)).passed().await;
        }
    })
}

/// A timer of the browser; none is left behind by who waits no more.
struct Timer {
    timer: JsValue,
    passed: Option<oneshot::Receiver<()>>,
    _callback: Closure<dyn FnMut()>,
}

impl Timer {
    fn new(duration: Duration) -> Self {
        let (sender, passed) = oneshot::channel();
        let mut sender = Some(sender);
        let callback = Closure::new(move || {
            // Nobody waits any more where the other end is gone.
            let _ = sender.take().map(|sender| sender.send(()));
        });
        let milliseconds = (duration.as_secs_f64() * 1_000.0).ceil();
        let timer = js::set_timeout(callback.as_ref().unchecked_ref(), milliseconds);
        Timer { timer, passed: Some(passed), _callback: callback }
    }

    async fn passed(mut self) {
        if let Some(passed) = self.passed.take() {
            let _ = passed.await;
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        js::clear_timeout(&self.timer);
    }
}
