"""Tries the mutants that cargo-mutants lists for skaro-proto: see .ci/mutants.

One mutant after the other costs a compilation of the crate and of some twenty tests each. Here they are all compiled
in at once, each behind a question (is MUTANT its number?), so that only running the tests is left. A mutant that does
not compile is found by the compiler's complaint, and left out. What can't be asked at run time, such as the value of
a constant, is left to cargo-mutants itself.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import resource
import subprocess
import sys
import time

import tree_sitter
import tree_sitter_rust

PACKAGE = "skaro-proto"
# No test takes so long or so much memory, unless something does not come to rest.
SECONDS = 20
MEMORY = 4 << 30
# What the compiler says if it is the question that is wrong, not the mutant: asked where the value must be known at
# compile time (E0015), or of what has no type without its context (E0283).
ABOUT_THE_QUESTION = ("E0015", "E0283")

SWITCH = b"""
extern crate std as std_of_mutants;
static MUTANT: std_of_mutants::sync::OnceLock<u32> = std_of_mutants::sync::OnceLock::new();
#[doc(hidden)]
#[allow(missing_docs, unreachable_pub)]
#[inline]
pub fn mutant(number: u32) -> bool {
    let asked = || std_of_mutants::env::var("MUTANT").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    *MUTANT.get_or_init(asked) == number
}
"""

RUST = tree_sitter.Parser(tree_sitter.Language(tree_sitter_rust.language()))


def offset(lines, position):
    """Where a line and a column, which counts characters, are in bytes."""
    before = sum(map(len, lines[: position["line"] - 1]))
    line = lines[position["line"] - 1].decode()
    return before + len(line[: position["column"] - 1].encode())


class Source:
    """A file and its mutants."""

    def __init__(self, text, mutants):
        self.text = text
        self.tree = RUST.parse(text)
        lines = text.splitlines(keepends=True)
        # How to change which bytes: the mutants' numbers, and what comes there instead.
        self.edits = collections.defaultdict(list)
        # Those that can't be switched.
        self.unfit = set()
        for number, mutant in mutants:
            span = mutant["span"]
            start, end = offset(lines, span["start"]), offset(lines, span["end"])
            edit = self.edit(mutant, start, end)
            if edit is None:
                self.unfit.add(number)
            else:
                place, replacement = edit
                self.edits[place].append((number, replacement))

    def edit(self, mutant, start, end):
        node = self.tree.root_node.named_descendant_for_byte_range(start, end)
        replacement = mutant["replacement"].encode()
        if is_constant(node):
            return None
        match mutant["genre"]:
            case "FnValue":
                # Two values of an `impl Trait` would have to be of one type.
                opaque = "impl " in mutant["function"]["return_type"]
                return None if opaque else (("before", start, start), replacement)
            case "BinaryOperator" if node.type in ("binary_expression", "compound_assignment_expr"):
                text = self.text[node.start_byte : start] + replacement + self.text[end : node.end_byte]
                return ("instead", node.start_byte, node.end_byte), text
            case "UnaryOperator":
                while node is not None and node.type != "unary_expression":
                    node = node.parent
                if node is None or node.start_byte != start:
                    return None
                return ("instead", start, node.end_byte), self.text[end : node.end_byte]
            case "MatchArmGuard":
                return ("instead", start, end), replacement
            case "MatchArm":
                while node.type != "match_arm":
                    node = node.parent
                pattern = node.child_by_field_name("pattern")
                guard = pattern.child_by_field_name("condition")
                if guard is not None:
                    return ("guard", guard.start_byte, guard.end_byte), b""
                # An arm for all that is left has to be one without a condition.
                if re.fullmatch(rb"[a-z_]+", pattern.text):
                    return None
                return ("after", pattern.end_byte, pattern.end_byte), b""
        return None

    def render(self, left_out):
        """The file with its mutants switched in, and where each of them is, in bytes."""
        edits = []
        for (how, start, end), mutants in self.edits.items():
            mutants = [mutant for mutant in mutants if mutant[0] not in left_out]
            if mutants:
                edits.append((start, end, how, mutants))
        # What holds others comes before them.
        edits.sort(key=lambda edit: (edit[0], -edit[1], edit[2] != "before"))
        out, places = bytearray(), {}

        def put(number, text):
            begin = len(out)
            out.extend(text)
            places[number] = (begin, len(out))

        def write(position, end, todo):
            while todo and (todo[0][0] < end or todo[0][0] == todo[0][1] == end):
                start, stop, how, mutants = todo.pop(0)
                out.extend(self.text[position:start])
                position = stop
                if how == "before":
                    for number, text in mutants:
                        put(number, b"if crate::mutant(%d) { return %s; } " % (number, text))
                    continue
                if how == "after":
                    put(mutants[0][0], b" if !crate::mutant(%d)" % mutants[0][0])
                    continue
                # Mutants within this one are asked for only if it sleeps: one at a time is awake.
                inner = []
                while todo and todo[0][1] <= stop:
                    inner.append(todo.pop(0))
                out.extend(b"(")
                for number, text in mutants:
                    if how == "guard":
                        put(number, b"!crate::mutant(%d) && " % number)
                    else:
                        put(number, b"if crate::mutant(%d) { %s } else " % (number, text))
                out.extend(b"(" if how == "guard" else b"{ ")
                write(start, stop, inner)
                out.extend(b"))" if how == "guard" else b" })")
            out.extend(self.text[position:end])

        write(0, len(self.text), edits)
        return bytes(out), places


def is_constant(node):
    while node is not None:
        if node.type in ("const_item", "static_item"):
            return True
        if node.type == "function_item":
            modifiers = [part for part in node.children if part.type == "function_modifiers"]
            return any(b"const" in part.text for part in modifiers)
        node = node.parent
    return False


def build(copy, sources, left_out):
    """Compiles the tests with all mutants that compile: the tests' programs, and what did not compile, and why."""
    refused = {}
    command = ["cargo", "test", "-p", PACKAGE, "--features", "tungstenite", "--lib", "--tests", "--no-run"]
    command += ["--message-format=json", "--locked"]
    while True:
        places = {}
        for path, source in sources.items():
            text, places[path] = source.render(left_out | refused.keys())
            (copy / path).write_bytes(text + (SWITCH if path.endswith("src/lib.rs") else b""))
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True)
        messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        if done.returncode == 0:
            made = [message for message in messages if message.get("executable")]
            return {message["target"]["name"]: message["executable"] for message in made}, refused
        before = len(refused)
        for message in messages:
            if message["reason"] == "compiler-message" and message["message"]["level"] == "error":
                message = message["message"]
                for number in guilty(message, places):
                    refused[number] = (message["code"] or {}).get("code", "")
        if len(refused) == before:
            sys.exit("does not compile, and no mutant is to blame:\n" + done.stderr)
        print(f"{len(refused)} do not compile", flush=True)


def guilty(message, places):
    """The mutants that an error points at, or else mentions."""
    spans = message["spans"] + [span for child in message["children"] for span in child["spans"]]
    for group in ([span for span in message["spans"] if span["is_primary"]], spans):
        found = set()
        for span in group:
            while span and not found:
                for number, (start, end) in places.get(span["file_name"], {}).items():
                    if start < span["byte_end"] and span["byte_start"] < end:
                        found.add(number)
                span = (span.get("expansion") or {}).get("span")
        if found:
            return found
    return set()


def limit():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run(program, folder, number):
    """Runs a test's program with a mutant awake: what came of it, if anything did."""
    process = subprocess.Popen(
        [program, "--quiet"],
        cwd=folder,
        env=dict(os.environ, MUTANT=str(number)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=limit,
    )
    try:
        output, _ = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return "timeout"
    if process.returncode == 0:
        return None
    failed = re.search(rb"^---- (\S+) stdout", output, re.M)
    return f"caught {failed[1].decode()}" if failed else "caught"


def run_all(programs, out, todo, jobs):
    """Yields each mutant's verdict."""
    folder = out / "copy" / PACKAGE
    times = {}
    for name, program in programs.items():
        start = time.monotonic()
        if verdict := run(program, folder, 0):
            sys.exit(f"{name} fails without any mutant: {verdict}")
        times[name] = time.monotonic() - start
    # The quick ones first.
    order = sorted(programs, key=times.get)
    tests = out / "pristine" / PACKAGE / "tests"
    notes = [path for path in tests.rglob("*regressions*/*")] + [*tests.rglob("*.proptest-regressions")]

    def verdict(number):
        for name in order:
            if verdict := run(programs[name], folder, number):
                # What proptest noted of this mutant would help against others.
                for note in notes:
                    target = out / "copy" / note.relative_to(out / "pristine")
                    if target.read_bytes() != note.read_bytes():
                        target.write_bytes(note.read_bytes())
                return number, f"{verdict} in {name}"
        return number, "missed"

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for done in concurrent.futures.as_completed([pool.submit(verdict, number) for number in todo]):
            yield done.result()


def by_cargo_mutants(out, names, verdicts):
    """Lets cargo-mutants try these, in the copy."""
    if not names:
        return
    copy = out / "copy"
    pattern = "|".join(re.sub(r"\\([ \-&<>=!~#\"',:;/@%])", r"\1", re.escape(name)) for name in names)
    command = ["cargo", "mutants", "-p", PACKAGE, "--in-place", "--baseline", "skip", "-o", str(out)]
    command += ["--timeout", str(3 * SECONDS), "--build-timeout", "600", "--re", f"^(?:{pattern})$"]
    # It ends with a code of its own if there are survivors.
    subprocess.run(command, cwd=copy, stdout=subprocess.DEVNULL)
    for verdict in ("caught", "missed", "timeout", "unviable"):
        for name in (out / "mutants.out" / f"{verdict}.txt").read_text().splitlines():
            # It tries fields of structs whatever it is asked to (27.1.0).
            if name in names:
                verdicts[name] = verdict


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--files", default="")
    parser.add_argument("--iterate", action="store_true")
    arguments = parser.parse_args()
    out, wanted = arguments.out, arguments.files.split(",")
    kept = out / "verdicts.json"
    verdicts = json.loads(kept.read_text()) if arguments.iterate and kept.exists() else {}
    mutants = dict(enumerate(json.loads((out / "list.json").read_text()), 1))
    mutants = {n: m for n, m in mutants.items() if any(part in m["file"] for part in wanted)}
    names = {number: mutant["name"] for number, mutant in mutants.items()}
    verdicts = {name: verdict for name, verdict in verdicts.items() if name in names.values()}

    # The switch is in lib.rs, whether that has mutants or not.
    by_file = {f"{PACKAGE}/src/lib.rs": []}
    for number, mutant in mutants.items():
        by_file.setdefault(mutant["file"], []).append((number, mutant))
    sources = {
        path: Source((out / "pristine" / path).read_bytes(), those) for path, those in by_file.items()
    }
    unfit = set().union(*(source.unfit for source in sources.values()))
    print(f"{len(mutants)} mutants, {len(unfit)} of which can't be switched", flush=True)
    programs, refused = build(out / "copy", sources, unfit)
    unfit |= {number for number, code in refused.items() if code in ABOUT_THE_QUESTION}
    for number in refused.keys() - unfit:
        verdicts[names[number]] = "unviable"

    done = ("caught", "timeout", "unviable")
    todo = [number for number in mutants if not verdicts.get(names[number], "").startswith(done)]
    start, count = time.monotonic(), 0
    for number, verdict in run_all(programs, out, [n for n in todo if n not in unfit], arguments.jobs):
        verdicts[names[number]] = verdict
        count += 1
        if not verdict.startswith("caught"):
            print(f"{verdict}: {names[number]}", flush=True)
        if count % 100 == 0:
            kept.write_text(json.dumps(verdicts, indent=1))
            print(f"{count} tried in {time.monotonic() - start:.0f} s", flush=True)
    kept.write_text(json.dumps(verdicts, indent=1))
    for path in sources:
        (out / "copy" / path).write_bytes((out / "pristine" / path).read_bytes())
    by_cargo_mutants(out, [names[n] for n in todo if n in unfit], verdicts)
    kept.write_text(json.dumps(verdicts, indent=1))

    counts = collections.Counter(verdict.split()[0] for verdict in verdicts.values())
    viable = counts["caught"] + counts["timeout"] + counts["missed"]
    for name in sorted(name for name, verdict in verdicts.items() if verdict == "missed"):
        print(f"survives: {name}")
    share = 100 * (viable - counts["missed"]) / max(viable, 1)
    print(
        f"{len(mutants)} mutants, {viable} of which compile: {counts['caught']} made a test fail, "
        f"{counts['timeout']} made one go on without end, {counts['missed']} survived ({share:.1f} % noticed)"
    )


main()
