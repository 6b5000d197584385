"""matplotlib figures that need no display and are written atomically."""


def new_figure(width: float, height: float, columns: int = 1, rows: int = 1):
    """A figure that needs no display, and its axes; not pyplot's, which keeps global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns)


def save_figure(figure, path) -> None:
    from kgenre.core.files import write_beside

    write_beside(path, lambda part: figure.savefig(part, dpi=110))
