# Calls every method of a monitor with Frontier, and prints what it got.
use strict;
use warnings;
use Frontier::Client;
use JSON::PP;

my $server = Frontier::Client->new(url => $ARGV[0]);
my $istats = $server->call("istats");
my $values = $server->call("values");
my $multi  = $server->call("system.multicall", [{ methodName => "istats", params => [] }, { methodName => "values", params => [] }]);
eval { $server->call("nope") };
my ($fault) = $@ =~ /(-\d+)/;
my $data = $server->call("sample", $server->string("text"), $server->int(7))->{data};
delete $data->{by_key};    # a boolean is an object
my $none = "" . delete $data->{none};
my $json = JSON::PP->new->canonical->allow_nonref;
print $json->encode({
    methods   => $server->call("system.listMethods"),
    help      => $server->call("system.methodHelp", "istats"),
    signature => $server->call("system.methodSignature", "istats"),
    istats    => decode_json($istats),
    stats     => $server->call("stats"),
    values    => $values,
    discards  => $server->call("discards"),
    sample    => $data,
    none      => $none,
    fault     => $fault + 0,
    multicall => $multi->[0][0] eq $istats && $json->encode($multi->[1][0]) eq $json->encode($values) ? \1 : \0,
});
