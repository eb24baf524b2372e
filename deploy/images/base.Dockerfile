# A root file system made from distribution packages. Production builds on a public Debian image instead.
FROM scratch
ADD base.tar /
CMD ["/bin/bash"]
