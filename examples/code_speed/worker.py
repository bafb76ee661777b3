"""Runs one version of templates.py and nothing else. Frozen; compare.py starts it with no name, folder or environment.

It is told what to do on standard input, a line of JSON each, and answers so on standard output: first the version's
source ("ready", or why not), then the templates, then requests to render them with data, a few at a time. Nothing that
it says is believed: compare.py looks at the outputs, and reads the clock in its own process.
"""

import ctypes
import json
import os
import resource
import struct
import sys
from types import ModuleType

CALLS = {  # What starts a process or a thread: clone, fork, vfork, clone3. Other processes' time would not be counted.
    "x86_64": (0xC000003E, (56, 57, 58, 435)),
    "aarch64": (0xC00000B7, (220, 435)),
}
MOST_SECONDS = 5
"""Of processor time: many times what a version needs, so that one that never ends is not waited for."""
ALLOW, REFUSE = 0x7FFF0000, 0x00050001  # the second is the error "operation not permitted"


def confine() -> None:
    """Have the kernel refuse every new process and thread from now on, and other processes' looks into this one.

    Nothing can take that back.
    """
    if sys.platform != "linux" or os.uname().machine not in CALLS:
        return
    architecture, calls = CALLS[os.uname().machine]
    load, equal, at_least, leave = 0x20, 0x15, 0x35, 0x06
    # The jumps say how many instructions to skip, to the last one, which refuses.
    tests = [(at_least, 0x40000000), *((equal, call) for call in calls)]
    program = [(load, 0, 0, 4), (equal, 0, len(tests) + 2, architecture), (load, 0, 0, 0)]
    program += [(code, len(tests) - index, 0, value) for index, (code, value) in enumerate(tests)]
    program += [(leave, 0, 0, ALLOW), (leave, 0, 0, REFUSE)]
    text = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program), ctypes.addressof(text)))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
    # That it may not be dumped, that it gets no new privileges, and the filter.
    if prctl(4, 0, 0, 0, 0) or prctl(38, 1, 0, 0, 0) or prctl(22, 2, ctypes.addressof(header), 0, 0):
        raise OSError(ctypes.get_errno(), "the kernel does not let a process be confined (seccomp)")


def load(source: str) -> ModuleType:
    """The version as a module."""
    module = ModuleType("templates")
    sys.modules["templates"] = module
    exec(compile(source, "templates.py", "exec"), module.__dict__)
    return module


def render_all(templates: ModuleType, site: dict, requests: list) -> list:
    """The output of each request, or the error in it."""
    outputs = []
    for template, data, parts in requests:
        try:
            outputs.append(["output", templates.render(site["templates"][template], data, site["parts"][parts])])
        except templates.TemplateError as error:
            outputs.append(["error", str(error)])
        except Exception as error:
            outputs.append(["failure", f"{type(error).__name__}: {error}"])
    return outputs


def main() -> None:
    answers, sys.stdout = sys.stdout, None  # type: ignore[assignment] # what the version prints is lost
    try:
        source = json.loads(sys.stdin.readline())
        resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
        confine()
        templates = load(source)
        said = "ready"
    except BaseException as error:
        said = f"{type(error).__name__}: {error}"
    print(json.dumps(said), file=answers, flush=True)
    site = json.loads(sys.stdin.readline())
    print("[]", file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(render_all(templates, site, json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
