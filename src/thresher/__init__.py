"""A persistent catalog for the audio that generative models write.

Open a `Catalog` and pass it to the other functions. Everything that the command line does can be called from here:

    import thresher

    with thresher.Catalog.open("catalog.toml") as catalog:
        thresher.ingest(catalog, ["run/samples"])
        for clip in thresher.list_clips(catalog, "epoch:20.. score-"):
            print(clip.id, clip.path)

`__init__.pyi` lists the public names and the module of each. A module is imported when a name of it is first used,
so `import thresher` itself is fast.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
