use ::http::StatusCode;

use super::*;
use crate::transport::StatusError;

#[test]
fn every_class_comes_back_from_its_own_answer() {
    for class in Class::ALL {
        let error = Error::new(*class, "member", "at fault");
        let response = write_refusal(Dialect::standard(), &error, "r1");
        let expected = match class {
            // No status of their own.
            Class::TooLarge => Class::Malformed,
            Class::Replay => Class::Conflict,
            // Another's store is not this side's.
            Class::Storage => Class::Unavailable,
            class => *class,
        };
        assert_eq!(read_refusal(&response).class(), expected, "{class}");
        assert!(is_ours(Dialect::standard(), &response));
        assert_eq!(response.headers()["x-request-id"], "r1");
    }
}

#[test]
fn a_fault_in_what_was_signed_is_422_and_a_body_that_is_too_long_413() {
    let part = "provResponse.result.data";
    for class in [Class::Malformed, Class::TooLarge] {
        let error = Error::new(class, part, "").with_http_status(400);
        assert_eq!(error.with_http_status(422).http_status(), 422);
        assert_eq!(Error::new(class, part, "").http_status(), 400);
    }
    assert_eq!(Error::too_large("", "").http_status(), 413);
    assert_eq!(Error::malformed("", "").with_http_status(431).http_status(), 431);
    assert_eq!(Error::malformed("", "").with_http_status(200).http_status(), 400);
}

#[test]
fn a_code_is_chosen_where_the_error_is_made_and_never_by_its_words() {
    let code = |error: Error| {
        let response = write_refusal(Dialect::standard(), &error, "r1");
        let body = std::str::from_utf8(response.body()).unwrap();
        ErrorBody::from_json(body).unwrap().error.code
    };
    for part in ["commandHeader.to", "commandId", "path", ""] {
        assert_eq!(code(Error::new(Class::NotFound, part, "")), "NOT_FOUND", "{part}");
    }
    let missing = |answer| code(Error::new(Class::NotFound, "", "").answered(answer));
    assert_eq!(missing(reason::NO_DESTINATION), "NO_DESTINATION");
    assert_eq!(missing(reason::UNKNOWN_COMMAND), "UNKNOWN_COMMAND");
    assert_eq!(missing(HttpAnswer::Reason(UNKNOWN_ADDRESS)), "UNKNOWN_ADDRESS");
}

#[test]
fn a_422_names_only_a_class_whose_status_is_422() {
    let read = |code: &str| {
        let body = format!(r#"{{"error":{{"code":"{code}","message":"","requestId":""}}}}"#);
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
        read_refusal(&response).class()
    };
    assert_eq!(read("KEYID"), Class::KeyId);
    assert_eq!(read("TOO_LARGE"), Class::TooLarge);
    for code in ["UNAUTHORIZED", "STORAGE", "UNAVAILABLE", "RATE", "NOT_FOUND", "NEW"] {
        assert_eq!(read(code), Class::Malformed, "{code}");
    }
}

#[test]
fn what_says_nothing_about_the_request_is_tried_again() {
    for status in [301, 302, 307, 408, 425, 500, 502, 503, 504, 599, 799] {
        let mut response = Response::new(Bytes::from_static(b"<html>"));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        let error = read_refusal(&response);
        assert_eq!(error.class(), Class::Unavailable, "{status}");
        assert_eq!(StatusError::of(&error).unwrap().body(), b"<html>");
    }
}
