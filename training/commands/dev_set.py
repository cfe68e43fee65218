"""`safenet-eval dev-set`: weights on pairs of two sources, by the descriptor alone."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from console.errors import one_line_errors
from model.embedder import Embedder
from model.matching.choice import MATCHERS
from training.dev_set.answers import PartAnswers, part_answers
from training.dev_set.build import PARTS, build_part
from training.dev_set.scores import PartScore, part_score, selecting_mean
from training.evaluation.descriptor_cache import DescriptorCache
from training.evaluation.embedding import EmbeddingOptions, ImageSetEmbedder
from training.evaluation.report import print_table, write_json


def dev_set_command(
    data: Annotated[Path, typer.Argument(help="Folder of the open imagery; see docs/dev-set.md.")],
    out: Annotated[Path, typer.Option(help="Folder in which the parts are built, once.")],
    weights: Annotated[
        list[Path] | None,
        typer.Option(help="Weights, .safetensors; repeat. Default: the shipped ones."),
    ] = None,
    part: Annotated[
        list[str] | None, typer.Option(help=f"Only this part; repeat: {', '.join(PARTS)}.")
    ] = None,
    turns: Annotated[
        int | None,
        typer.Option(
            help="Without --matcher: quarter turns averaged on both sides: 1, 2, 4; "
            "default: the weights'."
        ),
    ] = None,
    input_size: Annotated[
        int | None,
        typer.Option(
            min=64, max=1024, help="Without --matcher: another input side than trained, px."
        ),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write the figures here.")
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Decoding processes.")] = 2,
    matcher: Annotated[
        str | None,
        typer.Option(
            help="Search as served, with this matcher, and judge the confidence too: "
            f"{', '.join(MATCHERS)}."
        ),
    ] = None,
    every: Annotated[
        int, typer.Option(min=1, help="With --matcher: search for every N-th view only.")
    ] = 1,
    mirrored: Annotated[
        bool,
        typer.Option(
            "--mirrored",
            help="With --matcher: search for every view's mirror image, too, which shows no place.",
        ),
    ] = False,
) -> None:
    """Print R@1 of drone views of one source on tiles of another, without re-ranking.

    With --matcher the views are searched for as a service does, with re-ranking.

    Example: safenet-eval dev-set imagery --out var/dev --weights runs/a/weights.safetensors
    """
    names = part or list(PARTS)
    for name in names:
        if name not in PARTS:
            raise typer.BadParameter(f"{name!r}: choose from {', '.join(PARTS)}")
    if matcher is None and (every > 1 or mirrored):
        raise typer.BadParameter(
            "They need --matcher, as in --matcher xfeat; the descriptor alone takes all views.",
            param_hint="--every and --mirrored",
        )
    if matcher is not None and (turns is not None or input_size is not None):
        raise typer.BadParameter(
            "They need the descriptor alone, without --matcher; a search takes the weights' own.",
            param_hint="--turns and --input-size",
        )
    if matcher is not None:
        with one_line_errors():
            _answers(names, data, out, weights, matcher, every, json_file, mirrored=mirrored)
        return
    with one_line_errors():
        results: dict[str, dict[str, PartScore]] = {}
        chosen: list[Path | None] = [*weights] if weights else [None]
        for file in chosen:
            options = EmbeddingOptions(
                weights=file,
                input_size=input_size,
                gallery_turns=turns,
                query_turns=turns,
                workers=workers,
                cache=DescriptorCache(out / "descriptors"),
            )
            embedder = ImageSetEmbedder.load(options)
            results[str(file or embedder.name)] = {
                name: part_score(build_part(name, data, out), PARTS[name].within_m, embedder)
                for name in names
            }
        print_table(_table(results))
        if json_file is not None:
            write_json(json_file, {"results": results})


def _table(results: dict[str, dict[str, PartScore]]) -> Table:
    table = Table(title="R@1 in percent (95 % interval over places), nothing re-ranked")
    for heading in ("weights", "part", "R@1", "queries", "places", "gallery"):
        table.add_column(heading)
    for weights, scores in results.items():
        for name, score in scores.items():
            shown = f"{score.recall1:.1f} ({score.low:.1f} to {score.high:.1f})"
            counts = (str(score.queries), str(score.places), str(score.gallery))
            table.add_row(weights, name, shown, *counts)
        if any(PARTS[name].selects for name in scores):
            table.add_row(weights, "mean of those that select", f"{selecting_mean(scores):.1f}")
    return table


def _answers(
    names: list[str],
    data: Path,
    out: Path,
    weights: list[Path] | None,
    matcher: str,
    every: int,
    json_file: Path | None,
    *,
    mirrored: bool,
) -> None:
    table = Table(title=f"answers in percent, --matcher {matcher}")
    headings = ["R@1", "answered", "right", "refused", "answered elsewhere", "refused elsewhere"]
    if mirrored:
        headings += ["mirrored: matches of", "with another place"]
    for heading in ("weights", "part", *headings):
        table.add_column(heading)
    results: dict[str, dict[str, PartAnswers]] = {}
    chosen: list[Path | None] = [*weights] if weights else [None]
    for file in chosen:
        embedder = Embedder.load(file, matcher=matcher)
        rows = matcher if embedder.matcher is None else embedder.matcher.row_format
        folder = out / "answers" / f"{embedder.sha256[:12]}-{rows}"
        found = {
            name: part_answers(
                build_part(name, data, out),
                PARTS[name].within_m,
                embedder,
                folder,
                every=every,
                city=PARTS[name].city,
                mirrored=mirrored,
            )
            for name in names
        }
        results[str(file or embedder.name)] = found
        for name, one in found.items():
            of = one.confidence
            shares = [of.answered, of.answered_right, of.in_map_refused]
            shares += [of.answered_out_of_map, of.out_of_map_refused]
            row = [f"{one.recall1:.1f}", *(f"{100 * share:.1f}" for share in shares)]
            if one.mirrored is not None:
                row.append(f"{one.mirrored.matches} of {one.mirrored.queries}")
                row.append(str(one.mirrored.elsewhere))
            table.add_row(str(file or embedder.name), name, *row)
    print_table(table)
    if json_file is not None:
        write_json(json_file, {"matcher": matcher, "answers": results})
