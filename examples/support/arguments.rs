//! Whether a program was asked for help.

/// Whether `--help` or `-h` is among the arguments, even if another one is wrong.
pub fn ask_for_help() -> bool {
    let arguments = std::env::args_os().skip(1);
    let mut options = arguments.take_while(|argument| argument != "--");
    options.any(|argument| argument == "--help" || argument == "-h")
}
