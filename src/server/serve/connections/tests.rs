use crate::server::serve::connections::*;

struct Admitted(Arc<Place>, watch::Receiver<Wish>);

impl Admitted {
    fn wish(&self) -> Wish {
        *self.1.borrow()
    }
}

fn connections(change: impl FnOnce(&mut ConnectionLimits)) -> Arc<Connections> {
    let mut limits = ConnectionLimits::default();
    change(&mut limits);
    Connections::new(&limits)
}

fn admit(connections: &Arc<Connections>, address: &str) -> Admitted {
    let address = address.parse().unwrap();
    match connections.admit(address, Some(address)) {
        Admission::Admitted(place, wish) => Admitted(Arc::new(place), wish),
        _ => panic!("no place"),
    }
}

#[test]
fn the_oldest_unproved_of_an_address_makes_room_for_the_next_from_there() {
    let connections = connections(|limits| limits.per_address = 2);
    let other = admit(&connections, "192.0.2.1");
    let (one, two) = (admit(&connections, "2001:db8::1"), admit(&connections, "2001:db8::2"));
    drop(one.0.begin());
    one.0.proved();
    let three = admit(&connections, "2001:db8::3");
    assert_eq!((one.wish(), two.wish(), other.wish()), (Wish::Stay, Wish::Close, Wish::Stay));
    // All are proved, and one is idle.
    let work = three.0.begin();
    three.0.proved();
    let four = admit(&connections, "2001:db8::4");
    assert_eq!((one.wish(), three.wish()), (Wish::Finish, Wish::Stay));
    let _work = (work, four.0.begin());
    four.0.proved();
    let address = "2001:db8::5".parse().unwrap();
    assert!(matches!(connections.admit(address, Some(address)), Admission::Refused));
    // A proxy is not counted.
    assert!(matches!(connections.admit(address, None), Admission::Admitted(..)));
}

#[test]
fn the_oldest_half_open_makes_room_when_there_are_too_many() {
    let connections = connections(|limits| limits.half_open = 2);
    let one = admit(&connections, "192.0.2.1");
    let _work = one.0.begin();
    let (two, three) = (admit(&connections, "192.0.2.2"), admit(&connections, "192.0.2.3"));
    let four = admit(&connections, "192.0.2.4");
    assert_eq!(one.wish(), Wish::Stay);
    assert_eq!((two.wish(), three.wish(), four.wish()), (Wish::Close, Wish::Stay, Wish::Stay));
}

#[test]
fn when_the_total_is_reached_the_unproved_go_before_the_idle_and_the_rest_is_waited_for() {
    let connections = connections(|limits| limits.total = 2);
    let (one, two) = (admit(&connections, "192.0.2.1"), admit(&connections, "192.0.2.2"));
    one.0.proved();
    drop(one.0.begin());
    let three = admit(&connections, "192.0.2.3");
    assert_eq!((one.wish(), two.wish()), (Wish::Stay, Wish::Close));
    three.0.proved();
    let work = three.0.begin();
    let four = admit(&connections, "192.0.2.4");
    assert_eq!((one.wish(), three.wish()), (Wish::Finish, Wish::Stay));
    four.0.proved();
    let _more = four.0.begin();
    let address = "192.0.2.5".parse().unwrap();
    assert!(matches!(connections.admit(address, Some(address)), Admission::Full));
    assert_eq!(connections.count(), 2);
    drop(work);
    let _five = admit(&connections, "192.0.2.5");
    assert_eq!(three.wish(), Wish::Finish);
    drop((one, two, three, four));
    // The fourth is still at work, and the fifth is there.
    assert_eq!(connections.count(), 2);
}

#[test]
fn the_longest_idle_ends_when_too_many_are() {
    let connections = connections(|limits| limits.idle = 1);
    let (one, two) = (admit(&connections, "192.0.2.1"), admit(&connections, "192.0.2.2"));
    drop(one.0.begin());
    assert_eq!(one.wish(), Wish::Stay);
    drop(two.0.begin());
    assert_eq!((one.wish(), two.wish()), (Wish::Finish, Wish::Stay));
}

#[test]
fn nothing_is_kept_of_a_connection_that_has_ended() {
    let connections = connections(|_| {});
    let one = admit(&connections, "192.0.2.1");
    drop(one.0.begin());
    let work = one.0.begin();
    drop((one, work));
    let state = connections.state();
    assert!(state.entries.is_empty() && state.addresses.is_empty() && state.idle.is_empty());
    assert!(state.half_open.is_empty() && state.unproved.is_empty());
}
