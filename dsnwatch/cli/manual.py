r"""The man page and the completions of shells, made from the commands themselves.

    python -m dsnwatch.cli.manual man > dsnwatch.1      (or bash, zsh, fish)

`dsnwatch init` puts all four in their places.
"""

import sys
from collections.abc import Callable, Mapping, Sequence

from dsnwatch import __version__
from dsnwatch.cli.command_tree import FILES, Entry, Option, entries

CLOSING = r"""
.SH EXIT STATUS
.TP
0
done; for questions: yes
.TP
1
the answer is no
.TP
2
the command line or the configuration is wrong
.TP
other
as in sysexits.h: 65 a row of a file is wrong, 66 mail cannot be read, 69 a service does not answer,
74 the store cannot be read or written, 75 it is locked, 78 it is no store of ours
.SH ENVIRONMENT
.TP
DSNWATCH_CONFIG
the configuration file
.TP
DSNWATCH_STORE__URL
and the like: an option of the configuration each, before the file
.SH FILES
.TP
/etc/dsnwatch/dsnwatch.toml
the configuration
.TP
/etc/dsnwatch/secrets
passwords and keys, a file each
.TP
/var/lib/dsnwatch/dsnwatch.db
the store of the service
.TP
~/.local/state/dsnwatch/dsnwatch.db
the store where nothing is configured
"""


def man() -> str:
    """Write the man page, one section a command."""
    program, *others = entries()
    parts = [
        f'.TH DSNWATCH 1 "" "dsnwatch {__version__}" "User Commands"',
        ".SH NAME\ndsnwatch \\- reads bounces and keeps the list of whom not to mail",
        ".SH SYNOPSIS\n.B dsnwatch\n[options] command [arguments]",
        f".SH DESCRIPTION\n{_roff(program.says)}",
        _example(program),
        f".SH OPTIONS\n{_options(program.options)}",
        ".SH COMMANDS",
        *(_command(each) for each in others if not each.children),
    ]
    return "\n".join(part for part in parts if part) + CLOSING


def _roff(text: str) -> str:
    """Write plain text so that nothing in it is a request."""
    safe = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\`")
    return "\n".join(f"\\&{line}" if line.startswith(".") else line for line in safe.split("\n"))


def _command(entry: Entry) -> str:
    name = _roff(" ".join(entry.path))
    synopsis = " ".join([f"\\fB{name}\\fR", "[options]", *map(_roff, entry.arguments)])
    shown = [f".SS {synopsis}", _roff(entry.says), _options(entry.options), _example(entry)]
    return "\n".join(part for part in shown if part)


def _options(options: Sequence[Option]) -> str:
    def one(option: Option) -> str:
        names = ", ".join(f"\\fB{_roff(name)}\\fR" for name in option.names)
        value = f" \\fI{_roff(option.value)}\\fR" if option.value else ""
        return f".TP\n{names}{value}\n{_roff(option.says)}"

    return "\n".join(map(one, options))


def _example(entry: Entry) -> str:
    return f".PP\n.nf\n{_roff(entry.example)}\n.fi" if entry.example else ""


def bash() -> str:
    """Write a completion for bash; nothing is run when the key is pressed."""
    found = list(entries())
    cases = "\n".join(f"        {_at(e)!r}) words={' '.join(_words(e))!r} ;;" for e in found)
    return f"""\
# bash completion of dsnwatch {__version__}; made by `python -m dsnwatch.cli.manual bash`
_dsnwatch() {{
    local at= word words=
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case "$at/$word" in
        {_alternatives(found)}) at="$at/$word" ;;
        esac
    done
    case "$at" in
{cases}
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}")
}}
complete -o default -F _dsnwatch dsnwatch
"""


def zsh() -> str:
    """Write a completion for zsh."""
    found = list(entries())

    def choices(entry: Entry) -> str:
        briefs = {each.path[-1]: each.brief for each in found if each.path}
        named = [(name, briefs[name]) for name in entry.children]
        named += [(name, option.says) for option in entry.options for name in option.names]
        return " ".join(_quoted(f"{name}:{says}") for name, says in named)

    cases = "\n".join(f"        {_quoted(_at(e))}) choices=({choices(e)}) ;;" for e in found)
    return f"""\
#compdef dsnwatch
# zsh completion of dsnwatch {__version__}; made by `python -m dsnwatch.cli.manual zsh`
_dsnwatch() {{
    local at= word
    local -a choices
    for word in "${{(@)words[2,CURRENT-1]}}"; do
        case "$at/$word" in
        {_alternatives(found)}) at="$at/$word" ;;
        esac
    done
    case "$at" in
{cases}
    esac
    _describe -o -t commands 'dsnwatch' choices || _files
}}
_dsnwatch "$@"
"""


def fish() -> str:
    """Write a completion for fish."""
    found = list(entries())
    briefs = {each.path: each.brief for each in found}
    lines = []
    for entry in found:
        begin = f"complete -c dsnwatch -n '__dsnwatch_at \"{_at(entry)}\"'"
        lines += [
            f"{begin} -f -a {name} -d {_in_fish(briefs[(*entry.path, name)])}"
            for name in entry.children
        ]
        lines += [f"{begin} {_fish_option(option)}" for option in entry.options]
    known = " ".join(f"'{_at(each)}'" for each in found if each.path)
    return f"""\
# fish completion of dsnwatch {__version__}; made by `python -m dsnwatch.cli.manual fish`
function __dsnwatch_at
    set -l at ""
    for word in (commandline -opc)[2..-1]
        if contains -- "$at/$word" {known}
            set at "$at/$word"
        end
    end
    test "$at" = "$argv[1]"
end
{chr(10).join(lines)}
"""


def _fish_option(option: Option) -> str:
    names = [
        f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names
    ]
    value = [] if not option.value else ["-r"] if option.value in FILES else ["-x"]
    return " ".join([*names, *value, "-d", _in_fish(option.says)])


def _at(entry: Entry) -> str:
    return "".join(f"/{name}" for name in entry.path)


def _words(entry: Entry) -> list[str]:
    return [*entry.children, *(name for option in entry.options for name in option.names)]


def _alternatives(found: Sequence[Entry]) -> str:
    return " | ".join(_at(each) for each in found if each.path)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _in_fish(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


KINDS: Mapping[str, Callable[[], str]] = {"man": man, "bash": bash, "zsh": zsh, "fish": fish}
"""What can be made."""

PLACES = {
    "man": "usr/local/share/man/man1/dsnwatch.1",
    "bash": "usr/local/share/bash-completion/completions/dsnwatch",
    "zsh": "usr/local/share/zsh/site-functions/_dsnwatch",
    "fish": "usr/local/share/fish/vendor_completions.d/dsnwatch.fish",
}
"""Where each is looked for, below the root of the system."""


if __name__ == "__main__":
    if sys.argv[1:] not in [[kind] for kind in KINDS]:
        sys.exit(f"usage: python -m dsnwatch.cli.manual {'|'.join(KINDS)}")
    sys.stdout.write(KINDS[sys.argv[1]]())
