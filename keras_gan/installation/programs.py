"""Programs that some commands need: Node.js for the web page, a browser for the demo."""

import shutil
import subprocess
import webbrowser

LONGEST_S = 20


def found() -> dict[str, str]:
    """Names -> versions, or how to install what is missing."""
    return {"node, npm": f"{_version('node')}, {_version('npm')}", "browser": _browser()}


def _version(name):
    program = shutil.which(name)
    if program is None:
        return f"no {name} (install Node.js, which kgan export --web needs)"
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=LONGEST_S)
    except (OSError, subprocess.TimeoutExpired):
        return f"{name} that does not start"
    return f"{name} {done.stdout.strip() or 'of no known version'}"


def _browser():
    try:
        return webbrowser.get().name
    except webbrowser.Error:
        return "none found here; kgan demo prints an address that you can open elsewhere"
