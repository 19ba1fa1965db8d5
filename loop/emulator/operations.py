"""Long-running operations: opened in the transaction of what they do, finished once, waited for without polling."""

import threading
import time
import traceback
from collections.abc import Callable

import grpc
from google.longrunning import operations_pb2 as lro
from google.protobuf import empty_pb2
from google.protobuf.message import Message
from google.rpc import status_pb2

from loop.emulator.paging import page
from loop.emulator.store import Kind, Store
from loop.emulator.wire import Method, Refused, abandoned, invalid, not_found, precondition

SERVICE = "google.longrunning.Operations"
LONGEST_WAIT = 60.0


class Operations:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._changed = threading.Condition()
        """Taken last, often inside a change of the store: never touch the store while holding it."""
        self._changes = 0
        self.cancel_build: Callable[[str], None] | None = None
        """Set by the builds; Cloud Run's own operations can not be cancelled (see `_cancel`)."""

    def open(self, name: str, metadata: Message) -> lro.Operation:
        """Call it inside the change that it belongs to."""
        operation = lro.Operation(name=name)
        operation.metadata.Pack(metadata)
        self._store.put(Kind.OPERATION, name, operation)
        return operation

    def background(self, name: str, work: Callable[[], None]) -> None:
        """Do the work of an operation in a thread of its own; a defect of ours fails the operation, with its trace."""

        def run() -> None:
            try:
                work()
            except Exception as defect:  # the thread's outermost frame: whoever waits must hear of it
                if self._store.closed:
                    return
                traceback.print_exc()
                self._defect(name, f"A defect of the emulator: {type(defect).__name__}: {defect}")

        threading.Thread(target=run, daemon=True, name=name).start()

    def _defect(self, name: str, message: str) -> None:
        operation = self.read(name)
        operation.done = True
        operation.error.CopyFrom(status_pb2.Status(code=grpc.StatusCode.INTERNAL.value[0], message=message))
        self._store.put(Kind.OPERATION, name, operation)
        self._tell()

    def progress(self, name: str, metadata: Message) -> None:
        self._set(name, metadata, done=False)

    def finish(self, name: str, response: Message, metadata: Message | None = None) -> lro.Operation:
        return self._set(name, metadata or response, done=True, response=response)

    def fail(self, name: str, code: grpc.StatusCode, message: str, metadata: Message) -> lro.Operation:
        error = status_pb2.Status(code=code.value[0], message=message)
        return self._set(name, metadata, done=True, error=error)

    def unfinished(self) -> list[lro.Operation]:
        return [each for each in self._store.every(Kind.OPERATION, lro.Operation) if not each.done]

    def methods(self) -> list[Method]:
        return [
            Method(f"{SERVICE}/GetOperation", lro.GetOperationRequest, self._get),
            Method(f"{SERVICE}/ListOperations", lro.ListOperationsRequest, self._list),
            Method(f"{SERVICE}/WaitOperation", lro.WaitOperationRequest, self._wait),
            Method(f"{SERVICE}/CancelOperation", lro.CancelOperationRequest, self._cancel),
            Method(f"{SERVICE}/DeleteOperation", lro.DeleteOperationRequest, self._delete),
        ]

    def read(self, name: str) -> lro.Operation:
        operation = self._store.get(Kind.OPERATION, name, lro.Operation)
        if operation is None:
            raise not_found(f"Operation {name!r} was not found.")
        return operation

    def _set(
        self,
        name: str,
        metadata: Message,
        *,
        done: bool,
        response: Message | None = None,
        error: status_pb2.Status | None = None,
    ) -> lro.Operation:
        operation = lro.Operation(name=name, done=done)
        operation.metadata.Pack(metadata)
        if response is not None:
            operation.response.Pack(response)
        if error is not None:
            operation.error.CopyFrom(error)
        self._store.put(Kind.OPERATION, name, operation)
        self._tell()
        return operation

    def _tell(self) -> None:
        with self._changed:
            self._changes += 1
            self._changed.notify_all()

    def _get(self, request: lro.GetOperationRequest) -> lro.Operation:
        return self.read(request.name)

    def _list(self, request: lro.ListOperationsRequest) -> lro.ListOperationsResponse:
        """`filter` as the reference of Run's operations.list has it."""
        if request.filter not in ("", "done:true", "done:false"):
            raise invalid(f"filter: {request.filter!r} is neither done:true nor done:false.")
        found = self._store.every(Kind.OPERATION, lro.Operation, f"{request.name.rstrip('/')}/")
        wanted = [each for each in found if not request.filter or each.done == (request.filter == "done:true")]
        request.page_size = max(request.page_size, 0)  # "less than or equal to 0": the default
        shown, more = page(wanted, request)
        return lro.ListOperationsResponse(operations=shown, next_page_token=more)

    def _wait(self, request: lro.WaitOperationRequest) -> lro.Operation:
        """Answers with the latest state when the time is up, as the method's own comment says."""
        seconds = min(request.timeout.ToTimedelta().total_seconds() or LONGEST_WAIT, LONGEST_WAIT)
        deadline = time.monotonic() + seconds
        while True:
            seen = self._changes
            operation = self.read(request.name)
            left = deadline - time.monotonic()
            if operation.done or left <= 0 or abandoned():
                return operation
            with self._changed:  # at times a look whether the caller is still there
                if self._changes == seen:
                    self._changed.wait(min(left, 1.0))

    def _cancel(self, request: lro.CancelOperationRequest) -> empty_pb2.Empty:
        self.read(request.name)
        if self.cancel_build is None or not request.name.startswith("operations/build/"):
            raise Refused(grpc.StatusCode.UNIMPLEMENTED, "Operations of Cloud Run can not be cancelled.")
        self.cancel_build(request.name)
        return empty_pb2.Empty()

    def _delete(self, request: lro.DeleteOperationRequest) -> empty_pb2.Empty:
        if not self.read(request.name).done:
            raise precondition(f"Operation {request.name!r} is not done.")
        self._store.delete(Kind.OPERATION, request.name)
        return empty_pb2.Empty()
