"""Executes a notebook from top to bottom, cell by cell, and writes the executed copy and its page.

usage: ci/notebooks.py NOTEBOOK OUT

A cell may take CELL_S seconds (default 120), one that brings crates BUILD_S (default 2400), in which they are compiled.
"""

import os
import pathlib
import re
import signal
import sys
import time

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbconvert import HTMLExporter

CELL_S = int(os.environ.get("CELL_S", "120"))
BUILD_S = int(os.environ.get("BUILD_S", "2400"))

path = pathlib.Path(sys.argv[1]).absolute()
out = pathlib.Path(sys.argv[2]).absolute()
name = path.stem


def limit(cell):
    return BUILD_S if ":dep" in cell.source else CELL_S


def words(output):
    """What an output shows: an error as the kernel prints it, or plain text."""
    if output.output_type == "error":
        return "\n".join(output.traceback) or output.evalue
    if output.output_type == "stream":
        return output.text
    return output.get("data", {}).get("text/plain", "")


def lost(output):
    """Whether a table or picture is shown as plain text alone: the kernel does that where the cell compiled only once it had
    been mended, as where the last line moves a variable, or is the first of the notebook to use `?`."""
    data = output.get("data", {})
    return "text/html" not in data and data.get("text/plain", "").startswith(("picture: ", "shape: ("))


def main():
    # Ends as at an error, and so takes the kernel along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook, timeout_func=limit, kernel_name="rust", resources={"metadata": {"path": str(path.parent)}}
    )
    cells = [index for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    start = time.monotonic()
    first_picture = None
    failed = None
    with client.setup_kernel():
        print(f"{name}: kernel ready after {time.monotonic() - start:.1f} s", flush=True)
        for number, index in enumerate(cells, 1):
            cell = notebook.cells[index]
            began = time.monotonic()
            try:
                client.execute_cell(cell, index)
            except CellTimeoutError:
                failed = f"cell {number} took more than {limit(cell)} s"
            except DeadKernelError:
                failed = f"the kernel died in cell {number}"
            except CellExecutionError:
                failed = f"cell {number} ended in an error"
            print(f"{name}: cell {number} of {len(cells)}: {time.monotonic() - began:.1f} s", flush=True)
            if not failed and any(map(lost, cell.outputs)):
                failed = f"cell {number} shows a table or picture as plain text"
            if failed:
                print(f"--- {name}, cell {number}\n{cell.source}\n---", file=sys.stderr)
                print("\n".join(map(words, cell.outputs)), file=sys.stderr)
                break
            if first_picture is None and any("<svg" in str(output.get("data", "")) for output in cell.outputs):
                first_picture = time.monotonic() - start
                print(f"{name}: first plot after {first_picture:.1f} s", flush=True)
    out.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, out / f"{name}.ipynb")
    # A page loads nothing from elsewhere.
    exporter = HTMLExporter(template_name="lab", require_js_url="", mathjax_url="", jquery_url="", mermaid_js_url="")
    page, _ = exporter.from_notebook_node(notebook, resources={"metadata": {"name": name}})
    page = re.sub(r'href="([\w-]+)\.ipynb"', r'href="\1.html"', page)
    (out / f"{name}.html").write_text(page)
    if failed:
        sys.exit(f"{name}: {failed}")
    print(f"{name}: done after {time.monotonic() - start:.1f} s", flush=True)


main()
