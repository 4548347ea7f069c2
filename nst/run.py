"""`python -m nst.run CONTENT STYLE ...`: paint a photograph in the style of a painting."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from nst.cli import run_door


def main(argv: Sequence[str]) -> int:
    """Run the door; see `python -m nst.run --help`."""
    from nst.session.arguments import parse, resumed

    options, checkpoint, arguments = parse(argv), None, list(argv)
    if options.resume is not None:
        from nst.engine.checkpoint import load_checkpoint
        from nst.session.outputs import checkpoint_path

        checkpoint = load_checkpoint(options.resume or checkpoint_path(options.output))
        arguments = checkpoint.settings.get("arguments")
        options = resumed(argv, arguments)

    from nst.session.plan import make_plan

    if options.check_gradients:
        from nst.session.check import check, shrink

        return check(make_plan(shrink(options)))
    if options.dry_run:
        print("\n".join(make_plan(options).describe()))
        return 0

    from nst.session.outputs import Outputs
    from nst.session.paint import Run

    outputs = Outputs(options.output, [*options.pictures, options.init, options.weights or ""])
    plan = make_plan(options)
    if not options.quiet:
        print("\n".join(plan.notes), file=sys.stderr)
    run = Run(plan, outputs, arguments)
    if checkpoint is not None:
        run.restore(checkpoint)
    reason, interrupted = run.paint()
    if not options.quiet:
        print(
            f"{reason}; wrote {outputs.picture}, {outputs.record.name}, {outputs.report.name}",
            file=sys.stderr,
        )
    if interrupted:
        print(f"go on with: python -m nst.run --resume {outputs.checkpoint}", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(run_door(main))
