"""A persistent catalog for the audio that generative models write.

Open a `Catalog` and pass it to the other functions. Everything that the command line does can be called from here:

    import thresher

    with thresher.Catalog.open("catalog.toml") as catalog:
        thresher.ingest(catalog, ["run/samples"])
        for clip in thresher.list_clips(catalog, "epoch:20.. score-"):
            print(clip.id, clip.path)

`__init__.pyi` lists the public names and the module of each. It is read when the first public name is used, and a
module is imported when a name of it is, so that `import thresher` and the command line start quickly.
"""

from functools import cache


@cache
def _loader():
    import lazy_loader

    return lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name):
    getter, _, names = _loader()
    return names if name == "__all__" else getter(name)


def __dir__():
    return _loader()[1]()
