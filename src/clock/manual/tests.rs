use super::*;

const HOUR: Duration = Duration::from_secs(3600);

fn at(secs: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + HOUR + Duration::from_secs(secs)
}

fn is_over(sleep: &mut BoxFuture<'_, ()>) -> bool {
    sleep.as_mut().poll(&mut std::task::Context::from_waker(Waker::noop())).is_ready()
}

#[test]
fn sleepers_wake_on_time_and_time_never_goes_back() {
    let clock = ManualClock::new(at(0));
    let mut wall = clock.sleep_until_wall(at(10));
    let mut monotonic = clock.sleep(Duration::from_secs(10));
    clock.advance(Duration::from_secs(9));
    assert!(!is_over(&mut wall) && !is_over(&mut monotonic));
    clock.advance_to(at(10));
    assert!(is_over(&mut wall) && is_over(&mut monotonic));
    clock.advance_to(at(5));
    clock.advance(Duration::MAX);
    assert_eq!(clock.now(), at(10));
    assert_eq!(clock.monotonic(), MonotonicTime::since_start(Duration::from_secs(10)));
}

#[test]
fn setting_the_wall_clock_wakes_only_waits_for_wall_time() {
    let clock = ManualClock::new(at(0));
    let mut wall = clock.sleep_until_wall(at(10));
    let mut monotonic = clock.sleep(Duration::from_secs(10));
    clock.set_wall(at(0) - HOUR);
    clock.advance(Duration::from_secs(10));
    assert!(!is_over(&mut wall) && is_over(&mut monotonic));
    let mut monotonic = clock.sleep(Duration::from_secs(10));
    clock.set_wall(at(10));
    assert!(is_over(&mut wall) && !is_over(&mut monotonic));
}

/// A user's clock that implements only sleeping in monotonic time.
struct Plain(ManualClock);

impl Clock for Plain {
    fn now(&self) -> SystemTime {
        self.0.now()
    }

    fn monotonic(&self) -> MonotonicTime {
        self.0.monotonic()
    }

    fn sleep_until(&self, time: MonotonicTime) -> BoxFuture<'_, ()> {
        self.0.sleep_until(time)
    }
}

#[test]
fn a_wall_time_wait_notices_a_set_clock_within_a_minute() {
    let manual = ManualClock::new(at(0));
    let clock = Plain(manual.clone());
    let mut sleep = clock.sleep_until_wall(at(3600));
    assert!(!is_over(&mut sleep));
    manual.set_wall(at(3600));
    manual.advance(Duration::from_secs(60));
    assert!(is_over(&mut sleep));

    let mut sleep = clock.sleep_until_wall(at(3700));
    assert!(!is_over(&mut sleep));
    manual.set_wall(at(0));
    manual.advance(Duration::from_secs(60));
    assert!(!is_over(&mut sleep));
    for _ in 0..61 {
        assert!(!is_over(&mut sleep));
        manual.advance(Duration::from_secs(60));
    }
    assert!(is_over(&mut sleep));
}
