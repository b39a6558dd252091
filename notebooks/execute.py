"""Executes notebooks in the Deno kernel: execute.py DENO OUT NOTEBOOK...

The kernel may say that it is idle before a cell's last output arrives, so outputs are waited for a little longer.
"""
import asyncio, json, os, pathlib, sys, tempfile
import nbclient, nbformat

SILENCE = 0.3  # seconds without a message after which a cell is done
CELL = 1800  # seconds that a cell may take: some train a model, which a slow laptop does in minutes


class PatientClient(nbclient.NotebookClient):
    async def _async_poll_output_msg(self, parent_id, cell, index):
        idle = False
        while True:
            try:
                message = await self.kc.get_iopub_msg(timeout=SILENCE if idle else None)
            except Exception:
                if idle:
                    return
                raise
            if message["parent_header"].get("msg_id") != parent_id:
                continue
            try:
                self.process_message(message, cell, index)
            except nbclient.exceptions.CellExecutionComplete:
                idle = True


def main(deno, out, paths):
    with tempfile.TemporaryDirectory() as folder:
        spec = pathlib.Path(folder, "kernels", "deno")
        spec.mkdir(parents=True)
        argv = [deno, "jupyter", "--kernel", "--conn", "{connection_file}"]
        (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Deno", "language": "typescript"}))
        os.environ["JUPYTER_PATH"] = folder
        for path in map(pathlib.Path, paths):
            notebook = nbformat.read(path, as_version=4)
            PatientClient(notebook, kernel_name="deno", timeout=CELL, resources={"metadata": {"path": str(path.parent)}}).execute()
            for cell in notebook.cells:
                cell.metadata.pop("execution", None)  # times differ from run to run
            nbformat.write(notebook, pathlib.Path(out, path.name))
            print(path.name, flush=True)


main(sys.argv[1], sys.argv[2], sys.argv[3:])
