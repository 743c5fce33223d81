# Calls every method of a monitor with RPC::XML, and prints what it got.
use strict;
use warnings;
use JSON::PP;
use RPC::XML::Client;

my $server = RPC::XML::Client->new($ARGV[0]);

sub call {
    my $answer = $server->send_request(@_);
    die $answer unless ref $answer;
    return $answer->is_fault ? $answer : $answer->value;
}

my $istats = call("istats");
my $values = call("values");
my $multi  = call("system.multicall", [{ methodName => "istats", params => [] }, { methodName => "values", params => [] }]);
# RPC::XML refuses an answer with NaN, which 8 leaves out.
my $data   = call("sample", RPC::XML::string->new("text"), RPC::XML::int->new(8))->{data};
my $none   = "" . delete $data->{none};
my $json   = JSON::PP->new->canonical->allow_nonref;
print $json->encode({
    methods   => call("system.listMethods"),
    help      => call("system.methodHelp", "istats"),
    signature => call("system.methodSignature", "istats"),
    istats    => decode_json($istats),
    stats     => call("stats"),
    values    => $values,
    discards  => call("discards"),
    sample    => $data,
    none      => $none,
    fault     => call("nope")->code,
    multicall => $multi->[0][0] eq $istats && $json->encode($multi->[1][0]) eq $json->encode($values) ? \1 : \0,
});
