//! The browser's clock.

use std::time::Duration;

use wasmill_engine::BoxFuture;
use wasmill_runtime::Clock;
use web_time::Instant;

/// Time since the host was made.
pub(crate) struct BrowserClock(Instant);

impl BrowserClock {
    pub(crate) fn new() -> Self {
        BrowserClock(Instant::now())
    }
}

impl Clock for BrowserClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(wasmill_engine_web::sleep(duration))
    }
}
