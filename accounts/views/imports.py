"""The pages of imports: upload, columns, check, import, and the list of them all."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST, require_safe

from accounts import exports, extend
from accounts.domain import ImportState
from accounts.imports import mapping as maps
from accounts.imports import queries, reading, services, targets
from accounts.imports.mapping import Columns
from accounts.imports.reading import Dialect
from accounts.imports.targets import Look
from accounts.models import Import
from core.errors import Refused
from team.http import UserRequest, requires
from team.permissions import can_import

PER_PAGE = 50
# What a multipart form adds to the file itself.
_ENVELOPE = 100_000


class CappedUpload(FileUploadHandler):
    """Ends an upload that is larger than allowed while it is being received, not after."""

    def __init__(self, request: UserRequest) -> None:
        super().__init__(request)
        self.is_too_large = False
        self._received = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        self._received += len(raw_data)
        if self._received > settings.MAX_IMPORT_BYTES:
            self.is_too_large = True
            raise StopUpload(connection_reset=True)
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None


class UploadForm(forms.Form):
    target = forms.ChoiceField(
        label="What is in the file",
        choices=extend.import_choices,
        widget=forms.RadioSelect,
    )
    file = forms.FileField(
        label="File",
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,.xlsx,text/csv"}),
        allow_empty_file=True,
    )


@requires(can_import)
@require_safe
def import_list(request: UserRequest) -> HttpResponse:
    page = Paginator(queries.list_imports(request.user), PER_PAGE).get_page(request.GET.get("page"))
    working = [run for run in page.object_list if run.state in services.WORKING]
    template = "accounts/import_list.html"
    if request.htmx.target == "imports":
        template += "#rows"
    return render(request, template, {"page": page, "working": working})


@requires(can_import)
@csrf_exempt  # the handlers must be chosen before anything reads the form; the inner view checks the token
def import_create(request: UserRequest) -> HttpResponse:
    if request.method != "POST":
        target = request.GET.get("target", "contact")
        return _upload_page(request, UploadForm(initial={"target": target}))
    if int(request.META.get("CONTENT_LENGTH") or 0) > settings.MAX_IMPORT_BYTES + _ENVELOPE:
        return _too_large(request)
    cap = CappedUpload(request)
    request.upload_handlers = [cap, *request.upload_handlers]
    return _upload(request, cap)


@csrf_protect
def _upload(request: UserRequest, cap: CappedUpload) -> HttpResponse:
    form = UploadForm(request.POST, request.FILES)
    if cap.is_too_large:
        return _too_large(request)
    try:
        if form.is_valid():
            file: UploadedFile[Any] = form.cleaned_data["file"]
            run = services.upload_import(file=file, target=form.cleaned_data["target"], actor=request.user)
            return redirect("accounts:import_detail", pk=run.pk)
    except Refused as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        return _upload_page(request, form, status=413 if refusal.status == 413 else 422)
    return _upload_page(request, form, status=422)


def _too_large(request: UserRequest) -> HttpResponse:
    """Answered without reading the rest of what is being sent."""
    form = UploadForm({"target": request.GET.get("target", "contact")})
    form.is_valid()
    form.errors.clear()
    form.add_error("file", services.too_large_text())
    return _upload_page(request, form, status=413)


def _upload_page(request: UserRequest, form: UploadForm, *, status: int = 200) -> HttpResponse:
    megabytes = settings.MAX_IMPORT_BYTES // 1_000_000
    return render(
        request,
        "accounts/import_form.html",
        {"form": form, "megabytes": megabytes, "keep_days": settings.IMPORT_KEEP_DAYS},
        status=status,
    )


@requires(can_import)
@require_safe
def import_detail(request: UserRequest, pk: int) -> HttpResponse:
    """The step an import stands at. The fragment with its progress asks for itself until a step is done."""
    run = get_object_or_404(queries.list_imports(request.user), pk=pk)
    if run.state == ImportState.UPLOADED and run.file:
        return redirect("accounts:import_columns", pk=pk)
    context: dict[str, Any] = {
        "run": run,
        "progress": queries.progress_of(run),
        "is_working": run.state in services.WORKING,
    }
    if request.htmx.target == "import-progress":
        if not context["is_working"]:
            response = HttpResponse(status=204)
            response["HX-Refresh"] = "true"
            return response
        return render(request, "accounts/import_detail.html#progress", context)
    counts = run.checked.get("counts", {})
    target = targets.named(run.target)
    samples = run.checked.get("samples", {})
    for row in [row for rows in samples.values() for row in rows if "pk" in row]:
        row["url"] = target.url_of(row["pk"])
    context |= {
        "columns": Columns.of(run.mapping),
        "into": target,
        "key_label": target.keys.get(Columns.of(run.mapping).key, ""),
        "choices": target.choices(run),
        "results": target.results(run, request.user),
        "taken_back": target.taken_back(run, request.user),
        "samples": samples,
        "counts": counts,
        "importable": counts.get("created", 0) + counts.get("updated", 0),
        "refused": list(queries.refused_rows(run)[:20]) if run.state not in services.OPEN else [],
    }
    return render(request, "accounts/import_detail.html", context)


@requires(can_import)
def import_columns(request: UserRequest, pk: int) -> HttpResponse:
    """How the file is read and which column is which; saving starts the check."""
    run = get_object_or_404(queries.list_imports(request.user), pk=pk)
    if run.state not in services.OPEN or not run.file:
        messages.info(request, "The columns can no longer be changed.")
        return redirect("accounts:import_detail", pk=pk)
    if request.method != "POST":
        return _columns_page(request, run, Dialect.of(run.dialect), Columns.of(run.mapping))
    dialect, columns = _read_post(request, run)
    try:
        if request.POST.get("do") == "sheet":
            number = request.POST.get("sheet", "")
            services.choose_sheet(
                run=run,
                number=int(number) if number.isdecimal() and len(number) < 4 else -1,
                actor=request.user,
            )
            return redirect("accounts:import_columns", pk=pk)
        if request.POST.get("do") == "read":
            services.change_dialect(run=run, dialect=dialect, actor=request.user)
            return redirect("accounts:import_columns", pk=pk)
        services.start_check(run=run, dialect=dialect, columns=columns, actor=request.user)
    except Refused as refusal:
        return _columns_page(request, run, dialect, columns, refusal=refusal)
    return redirect("accounts:import_detail", pk=pk)


def _read_post(request: UserRequest, run: Import) -> tuple[Dialect, Columns]:
    post = request.POST
    dialect = Dialect.of(run.dialect)
    dialect.encoding = post.get("encoding", dialect.encoding)
    dialect.delimiter = {"tab": "\t"}.get(
        post.get("delimiter", ""), post.get("delimiter") or dialect.delimiter
    )
    dialect.decimal = (
        post.get("decimal", dialect.decimal) if post.get("decimal", "") in {"", "point", "comma"} else ""
    )
    dialect.dates = post.get("dates", dialect.dates) if post.get("dates", "") in {"", "dmy", "mdy"} else ""
    columns = Columns(
        columns={
            number: post[f"column_{number}"]
            for number in range(len(run.headers))
            if post.get(f"column_{number}")
        },
        key=post.get("key", ""),
        create_accounts=post.get("create_accounts") == "on",
        empty=maps.CLEAR if post.get("empty") == maps.CLEAR else maps.KEEP,
        unknown_owner=maps.LEAVE if post.get("unknown_owner") == maps.LEAVE else maps.REFUSE,
        unknown_stage=maps.LEAVE if post.get("unknown_stage") == maps.LEAVE else maps.REFUSE,
        options={
            name.removeprefix("option_"): str(value)[:200]
            for name, value in post.items()
            if name.startswith("option_")
        },
    )
    return dialect, columns


def _columns_page(
    request: UserRequest, run: Import, dialect: Dialect, columns: Columns, *, refusal: Refused | None = None
) -> HttpResponse:
    trouble = refusal.message if refusal else run.error
    target = targets.named(run.target)
    try:
        look = services.look(run, dialect)
    except Refused as unreadable:
        look, trouble = Look(list(run.headers), [[] for _ in run.headers]), unreadable.message
    context = {
        "run": run,
        "into": target,
        "dialect": dialect,
        "mapping": columns,
        "page": queries.mapping_page(run, look, columns, dialect),
        "options": target.options(run, look, columns, request.user),
        "encodings": reading.ENCODINGS,
        "delimiters": {"tab" if key == "\t" else key: name for key, name in reading.DELIMITER_NAMES.items()},
        "delimiter": "tab" if dialect.delimiter == "\t" else dialect.delimiter,
        "trouble": trouble,
        "trouble_field": refusal.field if refusal else "",
        "same": queries.same_file_before(run, request.user),
    }
    return render(request, "accounts/import_columns.html", context, status=422 if refusal else 200)


def _act(request: UserRequest, pk: int, service: Any) -> HttpResponse:
    run = get_object_or_404(queries.list_imports(request.user), pk=pk)
    try:
        service(run=run, actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
    return redirect("accounts:import_detail", pk=pk)


@requires(can_import)
@require_POST
def import_start(request: UserRequest, pk: int) -> HttpResponse:
    return _act(request, pk, services.start_import)


@requires(can_import)
@require_POST
def import_cancel(request: UserRequest, pk: int) -> HttpResponse:
    return _act(request, pk, services.cancel)


@requires(can_import)
@require_POST
def import_carry_on(request: UserRequest, pk: int) -> HttpResponse:
    return _act(request, pk, services.carry_on)


@requires(can_import)
@require_POST
def import_take_back(request: UserRequest, pk: int) -> HttpResponse:
    return _act(request, pk, services.take_back)


@requires(can_import)
@require_POST
def import_delete(request: UserRequest, pk: int) -> HttpResponse:
    run = get_object_or_404(queries.list_imports(request.user), pk=pk)
    try:
        services.delete_import(run=run, actor=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("accounts:import_detail", pk=pk)
    messages.success(request, "The import was deleted. What it brought in stays.")
    return redirect("accounts:import_list")


@requires(can_import)
@require_safe
def import_refused(request: UserRequest, pk: int) -> HttpResponseBase:
    """The refused rows as CSV: line, reason, and the cells as they came, harmless in a spreadsheet."""
    run = get_object_or_404(queries.list_imports(request.user), pk=pk)
    services.note_download(run=run, actor=request.user)
    return exports.csv_response(f"import-{run.pk}-refused", *queries.refused_table(run))
